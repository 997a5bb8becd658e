//! Scores computed by hand, and the numbers of the spec.

use super::color::token_similarity;
use super::script::{TARGET, fenced, of_code, of_response};
use super::*;
use crate::ciede2000;
use proptest::prelude::*;
use vsdpo_artifact::{ColorToken, GridCell};

fn near(a: f64, b: f64) {
    assert!((a - b).abs() < 1e-12, "{a} is not {b}");
}

fn check(score: F1, precision: f64, recall: f64, f1: f64) {
    near(score.precision, precision);
    near(score.recall, recall);
    near(score.f1, f1);
}

fn texts(list: &str) -> Vec<String> {
    list.split_terminator('|').map(String::from).collect()
}

fn colors(list: &[(&str, &str)]) -> std::collections::BTreeSet<ColorToken> {
    list.iter().map(|(class, token)| ColorToken { class: (*class).into(), token: (*token).into() }).collect()
}

#[test]
fn texts_agree_as_multisets_of_exact_strings() {
    let of = |pred, gt, rules| text::score(&texts(pred), &texts(gt), rules);
    // "a" twice against once: one agrees. "B" and "b" differ.
    check(of("a|a|B", "a|b", Rules::Official), 1.0 / 3.0, 0.5, 0.4);
    check(of("", "", Rules::Official), 0.0, 0.0, 0.0);
    check(of("", "", Rules::Fixed), 1.0, 1.0, 1.0);
    for rules in [Rules::Official, Rules::Fixed] {
        check(of("", "a", rules), 0.0, 0.0, 0.0);
        check(of("a", "", rules), 0.0, 0.0, 0.0);
    }
}

#[test]
fn layouts_agree_as_multisets_of_cells() {
    let cell = |col| GridCell { nrows: 1, ncols: 2, row_start: 0, row_end: 0, col_start: col, col_end: col };
    check(layout::score(&[cell(1), cell(0)], &[cell(0), cell(1)], Rules::Official), 1.0, 1.0, 1.0);
    check(layout::score(&[cell(0), cell(0)], &[cell(0), cell(1)], Rules::Official), 0.5, 0.5, 0.5);
}

#[test]
fn types_agree_up_to_the_smaller_count() {
    let types = |list: &[(&str, u64)]| list.iter().map(|(l, n)| ((*l).to_string(), *n)).collect();
    let (a, b) = (types(&[("bar", 3), ("plot", 1)]), types(&[("bar", 1), ("plot", 2), ("pie", 1)]));
    check(chart_type::score(&a, &b, Rules::Official), 0.5, 0.5, 0.5);
    check(chart_type::score(&types(&[]), &b, Rules::Official), 0.0, 0.0, 0.0);
    check(chart_type::score(&a, &types(&[]), Rules::Official), 0.0, 0.0, 0.0);
}

#[test]
fn colour_distances_of_the_spec() {
    near(token_similarity("#FF0000", "#00FF00"), 0.13391619112314923);
    near(token_similarity("#1F77B4", "#FF7F0E"), 0.47566382499613336);
    // A value of 1.5e-07 is printed in the spec; black and white differ by nearly 100.
    assert!((token_similarity("#000000", "#FFFFFF") - 1.5e-07).abs() < 1e-8);
    near(token_similarity("#11223344", "#112233"), 1.0);
    near(token_similarity("viridis", "viridis"), 1.0);
    near(token_similarity("viridis", "plasma"), 0.0);
    near(token_similarity("viridis", "#112233"), 0.0);
}

/// Pairs of the data set that Sharma, Wu and Dalal published with their notes on the
/// implementation, taken where the mean hue stays below 360 degrees or does not matter.
#[test]
fn the_distance_agrees_with_published_values() {
    let lab = |l, a, b| ciede2000::Lab { l, a, b };
    for (x, y, want) in [
        (lab(50.0, 2.6772, -79.7751), lab(50.0, 0.0, -82.7485), 2.0425),
        (lab(50.0, 3.1571, -77.2803), lab(50.0, 0.0, -82.7485), 2.8615),
        (lab(50.0, 0.0, 0.0), lab(50.0, -1.0, 2.0), 2.3669),
        (lab(50.0, 2.5, 0.0), lab(73.0, 25.0, -18.0), 27.1492),
        (lab(50.0, 2.5, 0.0), lab(58.0, 24.0, 15.0), 19.4535),
        (lab(60.2574, -34.0099, 36.2677), lab(60.4626, -34.1751, 39.4387), 1.2644),
        (lab(90.8027, -2.0831, 1.4410), lab(91.1528, -1.6435, 0.0447), 1.4441),
        (lab(2.0776, 0.0795, -1.1350), lab(0.9033, -0.0636, -0.5514), 0.9082),
    ] {
        let got = ciede2000::difference(x, y);
        assert!((got - want).abs() < 1e-4, "{got} is not {want}");
        near(got, ciede2000::difference(y, x));
    }
}

#[test]
fn colours_are_matched_within_their_class() {
    let (name, official) = ("bar_1", Rules::Official);
    let a = colors(&[("bar", "#FF0000"), ("bar", "#00FF00"), ("imshow", "viridis")]);
    let b = colors(&[("bar", "#00FF00"), ("line", "#FF0000"), ("imshow", "viridis")]);
    check(color::score(&a, &b, name, official).unwrap(), 2.0 / 3.0, 2.0 / 3.0, 2.0 / 3.0);
    // Of the two matchings the better one counts.
    let c = colors(&[("bar", "#FE0000"), ("bar", "#00FE00"), ("imshow", "jet")]);
    let straight = token_similarity("#FF0000", "#FE0000") + token_similarity("#00FF00", "#00FE00");
    near(color::score(&a, &c, name, official).unwrap().precision, straight / 3.0);
}

#[test]
fn a_truth_without_colour_has_no_score_unless_it_is_a_box_plot() {
    let (some, none) = (colors(&[("bar", "#FF0000")]), colors(&[]));
    assert_eq!(color::score(&some, &none, "bar_1", Rules::Official), None);
    assert_eq!(color::score(&none, &none, "bar_1", Rules::Official), None);
    check(color::score(&some, &none, "box_1", Rules::Official).unwrap(), 0.0, 0.0, 0.0);
    check(color::score(&none, &some, "bar_1", Rules::Official).unwrap(), 0.0, 0.0, 0.0);
    check(color::score(&none, &none, "bar_1", Rules::Fixed).unwrap(), 1.0, 1.0, 1.0);
    check(color::score(&some, &none, "box_1", Rules::Fixed).unwrap(), 0.0, 0.0, 0.0);
}

#[test]
fn more_than_ten_colours_are_thinned_in_sorted_order() {
    let greys: Vec<String> = (0..11).map(|i| format!("#0000{i:02X}")).collect();
    let many = colors(&greys.iter().map(|g| ("bar", g.as_str())).collect::<Vec<_>>());
    let one = colors(&[("bar", "#000000")]);
    check(color::score(&many, &one, "bar_1", Rules::Official).unwrap(), 1.0, 1.0, 1.0);
    near(color::score(&many, &one, "bar_1", Rules::Fixed).unwrap().precision, 1.0 / 11.0);
    let ten = many.iter().take(10).cloned().collect();
    near(color::score(&ten, &one, "bar_1", Rules::Official).unwrap().precision, 0.1);
}

#[test]
fn a_failed_run_counts_nothing_and_a_missing_colour_leaves_no_low() {
    let full = F1 { precision: 1.0, recall: 1.0, f1: 1.0 };
    let mut s =
        ChartScores { exec: true, text: full, layout: full, chart_type: full, color: Some(F1::default()) };
    assert_eq!(s.low(), Some(75.0));
    s.exec = false;
    assert_eq!((s.low(), s.if_executed()), (Some(0.0), Some(75.0)));
    s.color = None;
    assert_eq!(s.low(), None);
    assert!(counts_axes_only("graph_1") && !counts_axes_only("bargraph_1"));
}

#[test]
fn the_first_fence_tagged_python_is_the_code() {
    assert_eq!(fenced("a ```python\nx\n``` b ```python\ny\n```"), Some("\nx\n"));
    assert_eq!(fenced("```python3\nx\n```"), Some("3\nx\n"));
    for none in ["", "```\nx\n```", "```py\nx\n```", "```Python\nx\n```", "```python\nx"] {
        assert_eq!(fenced(none), None, "{none}");
    }
    assert_eq!(of_response("```python```", Rules::Official).bare, None);
}

#[test]
fn all_behind_the_first_save_or_show_is_lost_officially() {
    let save = format!("plt.savefig(\"{TARGET}\")");
    let of = |code, rules| of_code(code, rules).bare.unwrap();
    for (code, official, fixed) in [
        ("a\nplt.savefig('x')\nb", "a", "a\npass\nb"),
        ("a\nplt.show()\nb\n", "a", "a\npass\nb"),
        ("a\nplt show(1)\nb\n", "a", "a\nplt show(1)\nb"),
        ("# plt.savefig('x')\nb", "#", "# plt.savefig('x')\nb"),
        ("fig.savefig('x')\nb", "fig.savefig('x')\nb", "fig.savefig('x')\nb"),
        ("plt.savefig(f(')'),\n  dpi=1)  # )\nb", "", "pass  # )\nb"),
    ] {
        assert_eq!(of(code, Rules::Official), format!("{official}\n{save}"), "{code}");
        assert_eq!(of(code, Rules::Fixed), format!("{fixed}\n{save}"), "{code}");
    }
    let cut = of_code("def f():\n    plt.plot([1])\n    plt.show()\nf()", Rules::Fixed).wrapped;
    let kept = "try:\n    def f():\n        plt.plot([1])\n        pass\n    f()\nexcept Exception as e:\n    pass\n";
    assert_eq!(cut, format!("{kept}{save}"));
}

#[test]
fn the_wrapper_is_the_benchmarks() {
    let wrapped = |code| of_code(code, Rules::Official).wrapped;
    let end = format!("\nexcept Exception as e:\n    pass\nplt.savefig(\"{TARGET}\")");
    assert_eq!(wrapped("a\r\nb\n"), format!("try:\n    a\n    b{end}"));
    assert_eq!(wrapped("\n"), format!("try:\n    {end}"));
    let empty = of_code("", Rules::Official);
    assert_eq!(empty.bare, None);
    assert_eq!(empty.wrapped, format!("try:\n    import matplotlib.pyplot as plt{end}"));
}

/// The best sum, by trying every matching.
fn tried(table: &[Vec<f64>], taken: &mut Vec<usize>) -> f64 {
    let Some(row) = table.get(taken.len()) else { return 0.0 };
    let mut best = f64::NEG_INFINITY;
    for (j, value) in row.iter().enumerate() {
        if !taken.contains(&j) {
            taken.push(j);
            best = best.max(value + tried(table, taken));
            taken.pop();
        }
    }
    best
}

proptest! {
    #[test]
    fn the_assignment_is_the_best_of_all(rows in 1usize..6, more in 0usize..3, seed in prop::collection::vec(0u32..20, 64)) {
        let table: Vec<Vec<f64>> =
            (0..rows).map(|i| (0..rows + more).map(|j| f64::from(seed[i * 8 + j]) / 20.0).collect()).collect();
        let (got, want) = (assignment::best_sum(&table), tried(&table, &mut vec![]));
        prop_assert!((got - want).abs() < 1e-12, "{got} {want}");
    }

    #[test]
    fn any_response_gives_scripts(response in ".{0,60}(```python.{0,80}(plt.show\\(|plt.savefig\\()?.{0,20}```)?") {
        for rules in [Rules::Official, Rules::Fixed] {
            let scripts = of_response(&response, rules);
            prop_assert!(scripts.wrapped.starts_with("try:\n    "));
            of_code(&response, rules);
        }
    }
}

#[test]
fn twelve_colours_against_twelve_do_not_take_factorial_time() {
    let list = |shift: usize| {
        let hex: Vec<String> =
            (0..12).map(|i| format!("#{:06X}", (i * 1_385_711 + shift * 7919) % 0xFF_FFFF)).collect();
        colors(&hex.iter().map(|h| ("bar", h.as_str())).collect::<Vec<_>>())
    };
    // The clock is not this crate's; a factorial search would not end.
    assert!(color::score(&list(0), &list(1), "bar_1", Rules::Fixed).is_some());
    assert_eq!(assignment::best_sum(&vec![vec![0.5; 300]; 200]), 100.0);
}
