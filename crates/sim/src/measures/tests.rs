use proptest::prelude::*;

use super::*;

#[test]
fn percentiles_are_of_the_nearest_rank() {
    let mut values: Vec<f64> = (1..=100).rev().map(f64::from).collect();
    let p = Percentiles::of(&mut values);
    assert_eq!(
        (p.count, p.p50, p.p95, p.p99, p.max),
        (100, 50.0, 95.0, 99.0, 100.0)
    );
    assert_eq!(p.mean, 50.5);
    assert_eq!(Percentiles::of(&mut []), Percentiles::default());
    let one = Percentiles::of(&mut [7.0]);
    assert_eq!((one.p50, one.p99), (7.0, 7.0));
}

proptest! {
    #[test]
    fn a_distribution_never_falls_and_keeps_its_ends(mut values in proptest::collection::vec(-1e6..1e6_f64, 1..300)) {
        values.sort_by(f64::total_cmp);
        let Distribution(points) = Distribution::of_sorted(&values);
        prop_assert_eq!(points.len(), CURVE_POINTS);
        prop_assert!(points.is_sorted());
        prop_assert_eq!(points[0], values[0]);
        prop_assert_eq!(points[100], values[values.len() - 1]);
    }
}
