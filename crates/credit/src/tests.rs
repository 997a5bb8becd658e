//! Hand-computed credit of small scripts.

use super::*;
use vsdpo_artifact::{ElementKind, FailureKind, Image, Rendered, Span};

/// The span of the `nth` occurrence of `text`.
fn at(source: &str, text: &str, nth: usize) -> Span {
    let start = source.match_indices(text).nth(nth).expect("occurs").0;
    Span::new(start, start + text.len())
}

fn element(id: u32, stack: Vec<Span>, region: [f32; 4]) -> Element {
    Element { stack, ..Element::new(id, ElementKind::Text, region.into()) }
}

fn rendered(elements: Vec<Element>) -> Outcome {
    let image = Image { width: 0, height: 0, rgba: [].into() };
    Outcome::Rendered(Rendered::of_page(image, elements))
}

fn failed(span: Option<Span>) -> Outcome {
    let (message, traceback) = ("E: m".into(), String::new());
    Outcome::Failed {
        error: ExecError { kind: FailureKind::Exception, message, traceback, span, help: None },
    }
}

fn defect(regions: &[[f32; 4]], severity: f32) -> Defect {
    let regions = regions.iter().map(|&r| r.into()).collect();
    Defect { rule: "chart/test", severity, regions, ..Defect::default() }
}

/// Expects (first line, elements, resp) of every statement.
fn check(source: &str, outcome: &Outcome, defects: &[Defect], want: &[(usize, &[u32], f32)]) {
    let got = credit(Language::Python, source, outcome, defects, &CreditConfig::default());
    let seen: Vec<_> =
        got.statements.iter().map(|s| (s.statement.line, s.elements.as_slice(), s.resp)).collect();
    assert_eq!(seen, want, "in {source:?}");
    for s in &got.statements {
        assert_eq!(s.weight, 1.0 + 2.0 * s.resp);
    }
}

#[test]
fn equation_4_takes_the_worst_pair() {
    let a = &element(0, vec![], [0.0, 0.0, 10.0, 10.0]);
    let half = defect(&[[5.0, 0.0, 15.0, 10.0]], 1.0);
    let inner = defect(&[[0.0, 0.0, 20.0, 10.0]], 1.0);
    let both = [half.clone(), inner.clone()];
    assert!((responsibility(&[a], &both[..1], Overlap::Iou) - 1.0 / 3.0).abs() < 1e-6);
    assert!((responsibility(&[a], &both[..1], Overlap::Ioa) - 0.5).abs() < 1e-6);
    assert_eq!(responsibility(&[a], &both[1..], Overlap::Iou), 0.5);
    assert_eq!(responsibility(&[a], &both[1..], Overlap::Ioa), 1.0);
    assert_eq!(responsibility(&[a], &both, Overlap::Iou), 0.5);
    assert_eq!(responsibility(&[a], &[defect(&[[0.0, 0.0, 10.0, 10.0]], 0.0)], Overlap::Iou), 0.0);
    let two = defect(&[[100.0, 0.0, 110.0, 10.0], [0.0, 0.0, 10.0, 10.0]], 1.0);
    assert_eq!(responsibility(&[a], &[two], Overlap::Iou), 1.0);
    assert_eq!(responsibility(&[], &[half], Overlap::Iou), 0.0);
    assert_eq!(responsibility(&[a], &[], Overlap::Iou), 0.0);
    assert_eq!(responsibility(&[&element(0, vec![], [0.0; 4])], &[inner], Overlap::Ioa), 0.0);
    let elsewhere = Defect { page: 1, ..both[1].clone() };
    assert_eq!(responsibility(&[a], &[elsewhere], Overlap::Ioa), 0.0, "a defect of another page");
}

#[test]
fn equation_5_spans_one_to_amplify() {
    assert_eq!(statement_weight(0.0, 3.0), 1.0);
    assert_eq!(statement_weight(0.25, 3.0), 1.5);
    assert_eq!(statement_weight(1.0, 3.0), 3.0);
    assert_eq!(statement_weight(0.7, 1.0), 1.0);
}

#[test]
fn multi_line_and_chained_calls_answer_as_one_statement() {
    let src = "ax.plot(\n  x,\n  y)\n(ax.text(0, 0, 'a')\n  .set_color('b'))\n";
    let elements = vec![
        element(0, vec![at(src, "ax.plot(\n  x,\n  y)", 0)], [0.0, 0.0, 4.0, 4.0]),
        element(1, vec![at(src, "ax.text(0, 0, 'a')", 0)], [8.0, 0.0, 12.0, 4.0]),
    ];
    let defects = [defect(&[[8.0, 0.0, 12.0, 4.0]], 1.0)];
    check(src, &rendered(elements), &defects, &[(1, &[0], 0.0), (4, &[1], 1.0)]);
}

#[test]
fn a_helper_and_its_call_both_answer_but_not_the_loop() {
    let src = "def note(x):\n    ax.text(x, 0, 'n')\nfor i in (1, 2):\n    note(i)\nplt.show()\n";
    let stack = vec![at(src, "ax.text(x, 0, 'n')", 0), at(src, "note(i)", 0)];
    let elements =
        vec![element(0, stack.clone(), [0.0, 0.0, 4.0, 4.0]), element(1, stack, [2.0, 0.0, 6.0, 4.0])];
    let defects = [defect(&[[0.0, 0.0, 4.0, 4.0]], 1.0)];
    let want: [(usize, &[u32], f32); 5] =
        [(1, &[], 0.0), (2, &[0, 1], 1.0), (3, &[], 0.0), (4, &[0, 1], 1.0), (5, &[], 0.0)];
    check(src, &rendered(elements), &defects, &want);
}

#[test]
fn calls_in_one_statement_count_once_and_foreign_spans_not_at_all() {
    let src = "f(g()); h()";
    let elements = vec![
        element(0, vec![at(src, "g()", 0), at(src, "f(g())", 0)], [0.0, 0.0, 1.0, 1.0]),
        element(1, vec![Span::new(500, 510), Span::new(4, 9)], [0.0, 0.0, 1.0, 1.0]),
    ];
    check(src, &rendered(elements), &[], &[(1, &[0], 0.0), (1, &[], 0.0)]);
}

#[test]
fn headers_answer_for_calls_in_headers() {
    let src = "with ctx(a):\n    if draw(b):\n        c()\n    else:\n        d()\n";
    let elements = vec![
        element(0, vec![at(src, "ctx(a)", 0)], [0.0, 0.0, 1.0, 1.0]),
        element(1, vec![at(src, "draw(b)", 0)], [0.0, 0.0, 1.0, 1.0]),
        element(2, vec![at(src, "d()", 0)], [0.0, 0.0, 1.0, 1.0]),
    ];
    let want: [(usize, &[u32], f32); 4] = [(1, &[0], 0.0), (2, &[1], 0.0), (3, &[], 0.0), (5, &[2], 0.0)];
    check(src, &rendered(elements), &[], &want);
}

#[test]
fn a_failure_blames_the_statement_of_its_place() {
    let src = "a = 1\nfor i in q:\n    b(i)\n";
    check(src, &failed(None), &[], &[(1, &[], 0.0), (2, &[], 0.0), (3, &[], 0.0)]);
    let body = failed(Some(at(src, "b(i)", 0)));
    check(src, &body, &[], &[(1, &[], 0.0), (2, &[], 0.0), (3, &[], 1.0)]);
    let header = failed(Some(at(src, "q", 0)));
    check(src, &header, &[], &[(1, &[], 0.0), (2, &[], 1.0), (3, &[], 0.0)]);
    let end = failed(Some(Span::new(src.len(), src.len())));
    check(src, &end, &[], &[(1, &[], 0.0), (2, &[], 0.0), (3, &[], 1.0)]);
    let outside = failed(Some(Span::new(900, 901)));
    check(src, &outside, &[], &[(1, &[], 0.0), (2, &[], 0.0), (3, &[], 1.0)]);
    let cut = "a = 1\nb = f(";
    let eof = failed(Some(Span::new(6, cut.len())));
    check(cut, &eof, &[], &[(1, &[], 0.0), (2, &[], 1.0)]);
    check("", &failed(Some(Span::new(0, 0))), &[], &[]);
}

/// Cuts `text` at `|` into tokens and expects the statement of each.
fn check_tokens(marked: &str, code: impl std::ops::RangeBounds<usize>, want: &[Option<usize>]) {
    let text = marked.replace('|', "");
    let mut start = 0;
    let spans: Vec<Span> = marked
        .split('|')
        .map(|t| {
            start += t.len();
            Span::new(start - t.len(), start)
        })
        .collect();
    let source = &text[(code.start_bound().cloned(), code.end_bound().cloned())];
    let first = source.as_ptr() as usize - text.as_ptr() as usize;
    let credit = credit(Language::Python, source, &rendered(vec![]), &[], &CreditConfig::default());
    let got = token_statements(&credit, source, Span::new(first, first + source.len()), &spans);
    assert_eq!(got, want, "in {marked:?}");
}

#[test]
fn tokens_belong_to_the_smallest_statement_around_them() {
    let (none, s) = (None, Some);
    check_tokens("a| =| 1|;| b|\n", .., &[s(0), s(0), s(0), s(0), s(1), s(1)]);
    check_tokens("a|\n\n|b", .., &[s(0), s(0), s(1)]);
    check_tokens("\n|a|;b", .., &[none, s(0), s(0)]);
    check_tokens("f(|\n  |x)|\n|#| c|\n|g", .., &[s(0), s(0), s(0), s(0), none, none, s(0), s(1)]);
    check_tokens(
        "z\n|for| i| in| x|:|\n  |a|\n  |# c|\n  |b|\n|c",
        ..,
        &[s(0), s(1), s(1), s(1), s(1), s(1), s(1), s(2), s(2), s(1), s(2), s(3), s(3), s(4)],
    );
    check_tokens("@|d|\n|def f():|\n |r", .., &[s(0), s(0), s(0), s(0), s(0), s(1)]);
    check_tokens("if a|:\n b|\nelse|:\n c", .., &[s(0), s(0), s(0), s(0)]);
    check_tokens("s = ';|;|'", .., &[s(0), s(0), s(0)]);
    check_tokens("", .., &[none]);
}

#[test]
fn tokens_outside_the_code_weigh_one() {
    let (none, s) = (None, Some);
    let marked = "Here|:\n|```|python|\n|a|\n|b|\n```|!";
    check_tokens(marked, 16..20, &[none, none, none, none, none, s(0), s(0), s(1), none, none]);
    // The newline alone is still code; glued to the fence it is not. A glued beginning is code.
    check_tokens("```\n|a|\n|```", 4..6, &[none, s(0), s(0), none]);
    check_tokens("x\na|b", 2..4, &[s(0), s(0)]);
}

#[test]
fn partial_characters_are_placed_by_bytes() {
    let source = "t('é')\nu";
    let credit = credit(Language::Python, source, &rendered(vec![]), &[], &CreditConfig::default());
    let spans: Vec<Span> = (0..source.len()).map(|i| Span::new(i, i + 1)).collect();
    let got = token_statements(&credit, source, Span::new(0, source.len()), &spans);
    assert_eq!(got, [&[Some(0); 8][..], &[Some(1)]].concat());
    assert_eq!(
        token_statements(&credit, source, Span::new(0, source.len()), &[Span::new(3, 3)]),
        [None],
        "an end token has no bytes"
    );
}

#[test]
fn token_weights_follow_their_statement() {
    let source = "good()\nbad()";
    let elements = vec![element(0, vec![at(source, "bad()", 0)], [0.0, 0.0, 4.0, 4.0])];
    let defects = [defect(&[[0.0, 0.0, 8.0, 4.0]], 1.0)];
    let cfg = CreditConfig { amplify: 5.0, ..CreditConfig::default() };
    let credit = credit(Language::Python, source, &rendered(elements), &defects, &cfg);
    let code = Span::new(10, 10 + source.len());
    let spans =
        [Span::new(0, 10), Span::new(10, 16), Span::new(16, 17), Span::new(17, 22), Span::new(22, 22)];
    assert_eq!(token_weights(&credit, source, code, &spans), [1.0, 1.0, 1.0, 3.0, 1.0]);
}

proptest::proptest! {
    #[test]
    fn any_text_and_any_spans_are_answered(
        source in "(import|for|if|else|def|:|\n|    |[a-z]|\\(|\\)|\\[|=|'|é|;|#|@|\\\\| ){0,60}",
        spans in proptest::collection::vec((0usize..90, 0usize..90), 0..20),
        code in (0usize..20, 0usize..90),
    ) {
        let spans: Vec<Span> = spans.into_iter().map(|(a, b)| Span::new(a, b)).collect();
        let elements = spans.iter().map(|&s| element(7, vec![s], [0.0, 0.0, 1.0, 1.0])).collect();
        let defects = [defect(&[[0.0, 0.0, 1.0, 1.0]], 1.0)];
        let outcomes = [rendered(elements), failed(spans.first().copied())];
        for outcome in outcomes {
            let credit = credit(Language::Python, &source, &outcome, &defects, &CreditConfig::default());
            let weights = token_weights(&credit, &source, Span::new(code.0, code.1), &spans);
            assert_eq!(weights.len(), spans.len());
            assert!(weights.iter().all(|&w| w == 1.0 || w == 3.0));
        }
    }
}

#[test]
fn pages_charge_elements_and_the_rules_that_decide() {
    let source =
        "<style>p { color: #eee; margin: 0 } b { color: red }</style><p>one<b>two</b></p><i>three</i>";
    let tag = |text: &str| vec![at(source, text, 0)];
    let [one, two, three] = [[0.0, 0.0, 10.0, 10.0], [10.0, 0.0, 20.0, 10.0], [0.0, 20.0, 10.0, 30.0]];
    let elements =
        vec![element(0, tag("<p>"), one), element(1, tag("<b>"), two), element(2, tag("<i>"), three)];
    let rule = |text: &str, decides: &[(&str, &[u32])]| vsdpo_artifact::StyleRule {
        span: at(source, text, 0),
        place: None,
        decides: decides.iter().map(|(property, ids)| ((*property).to_owned(), ids.to_vec())).collect(),
    };
    let styles = vec![
        rule("p { color: #eee; margin: 0 }", &[("color", &[0]), ("margin", &[0])]),
        rule("b { color: red }", &[("color", &[1])]),
    ];
    let image = Image { width: 0, height: 0, rgba: [].into() };
    let outcome = Outcome::Rendered(Rendered { styles, ..Rendered::of_page(image, elements) });
    let pale = Defect { elements: vec![0], properties: &["color"], ..defect(&[one], 1.0) };
    let moved = Defect { elements: vec![2], properties: &["margin"], ..defect(&[three], 1.0) };
    let got = credit(Language::Html, source, &outcome, &[pale, moved], &CreditConfig::default());
    let got: Vec<_> = got
        .statements
        .iter()
        .map(|s| (s.statement.span.text(source).unwrap(), s.elements.as_slice(), s.resp))
        .collect();
    let want: [(&str, &[u32], f32); 6] = [
        ("<style>p { color: #eee; margin: 0 } b { color: red }</style>", &[], 0.0),
        // It decides the colour of what is pale, and nothing of what is moved.
        ("p { color: #eee; margin: 0 }", &[0], 1.0),
        ("b { color: red }", &[1], 0.0),
        ("<p>one<b>two</b></p>", &[0], 1.0),
        ("<b>two</b>", &[1], 0.0),
        ("<i>three</i>", &[2], 1.0),
    ];
    assert_eq!(got, want);
}
