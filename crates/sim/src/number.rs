//! Conversions between counts and floating point, each with the reason why nothing is lost.

/// A count or a time as a floating-point number.
pub(crate) fn float(value: u64) -> f64 {
    #[expect(
        clippy::cast_precision_loss,
        reason = "counts and simulated milliseconds stay far below 2^52"
    )]
    let float = value as f64;
    float
}

/// A length as a floating-point number.
pub(crate) fn len(value: usize) -> f64 {
    float(value as u64)
}

/// Rounded to a whole number, at least 0; not a number is 0.
pub(crate) fn whole(value: f64) -> u64 {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "`as` saturates, and what is negative is 0 here"
    )]
    let whole = value.round() as u64;
    whole
}

/// Rounded to a whole number that fits an index; see [`whole`].
pub(crate) fn index(value: f64) -> usize {
    usize::try_from(whole(value)).unwrap_or(usize::MAX)
}

/// `part` of `all` in per cent; 0 of 0 is 0.
pub(crate) fn percent(part: u64, all: u64) -> f64 {
    if all == 0 {
        return 0.0;
    }
    100.0 * float(part) / float(all)
}

/// For samples, of which there are millions: a quarter of a millisecond or of a point of skill does not matter.
pub(crate) fn short(value: f64) -> f32 {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "a sample needs no more than 24 bits"
    )]
    let short = value as f32;
    short
}
