//! Predicted win chance, as `TrueSkill` and Weng–Lin have it: P(A wins) = Φ(Δμ / √(n·β² + Σσ²)), with Δμ the
//! difference of the teams' sums, n the number of players and β how much one performance varies.

use stadion_core::rules::PERFORMANCE_DEVIATION;

use crate::number::len;

/// Chance that the stronger of two teams wins, 0.5 to 1; skills and uncertainties of each player by team.
#[must_use]
pub fn win_chance(one: &[(f64, f64)], other: &[(f64, f64)]) -> f64 {
    let sum = |team: &[(f64, f64)]| team.iter().map(|(skill, _)| skill).sum::<f64>();
    let players = len(one.len() + other.len());
    let uncertain: f64 = one
        .iter()
        .chain(other)
        .map(|(_, sigma)| sigma * sigma)
        .sum();
    let deviation = (players * PERFORMANCE_DEVIATION.powi(2) + uncertain).sqrt();
    if deviation == 0.0 {
        return 0.5;
    }
    normal_cdf((sum(one) - sum(other)).abs() / deviation)
}

/// Φ, by Abramowitz and Stegun 26.2.17; wrong by less than 7.5e-8. `x` is not negative.
fn normal_cdf(x: f64) -> f64 {
    const TERMS: [f64; 5] = [
        0.319_381_530,
        -0.356_563_782,
        1.781_477_937,
        -1.821_255_978,
        1.330_274_429,
    ];
    let t = 1.0 / (1.0 + 0.231_641_9 * x);
    let poly = TERMS.iter().rev().fold(0.0, |sum, term| (sum + term) * t);
    let density = (-x * x / 2.0).exp() / std::f64::consts::TAU.sqrt();
    1.0 - density * poly
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chance_is_that_of_the_normal_distribution() {
        assert!((win_chance(&[(1_500.0, 0.0)], &[(1_500.0, 0.0)]) - 0.5).abs() < 1e-6);
        // One deviation of the difference of two: Φ(1) = 0.8413447.
        let gap = 200.0 * 2.0_f64.sqrt();
        assert!(
            (win_chance(&[(1_500.0, 0.0)], &[(1_500.0 + gap, 0.0)]) - 0.841_344_7).abs() < 1e-6
        );
        // Uncertainty makes it less certain.
        assert!(win_chance(&[(0.0, 300.0)], &[(gap, 300.0)]) < 0.75);
    }
}
