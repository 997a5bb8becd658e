mod fuzz;

use super::*;
use crate::python::buffer::{Content, MAX_TOTAL_PIXELS, RECORDS_AT, RECORDS_MAX};
use proptest::prelude::*;
use vsdpo_artifact::FailureKind;

const SOURCE: &str = "plt.title('é')\n";

fn element(id: u32, extra: &str) -> String {
    format!(
        r#"{{"id":{id},"kind":"title","class":"text","stack":[{{"start":0,"end":15}}],"region":[-3,1,50,8],"order":0{extra}}}"#
    )
}

fn table(elements: &[String]) -> String {
    format!(r#"{{"elements":[{}],"notes":["a\u001b[31mb"]}}"#, elements.join(","))
}

/// Of pages of 40 x 10 pixels.
fn header(pages: u64) -> Header {
    Header { content: Content::Frame, failed: false, width: 40, height: 10, records: 0, pixels: pages * 1600 }
}

fn parse(json: &str) -> Result<(Vec<Element>, Vec<String>), Refused> {
    records_of(json.as_bytes(), SOURCE, &header(1)).map(|r| (r.elements, r.notes))
}

#[test]
fn honest_records_are_clipped_and_cleaned() {
    let extra = r#","layout":[-1000,1,1000,8],"text":"a\u0007b\nc\u202e","points":[[1e9,-1e9]]"#;
    let (elements, notes) = parse(&table(&[element(0, ""), element(1, extra)])).unwrap();
    assert_eq!(elements[0].region, Region::new(0.0, 1.0, 40.0, 8.0));
    assert_eq!(elements[1].layout, Some(Region::new(-160.0, 1.0, 200.0, 8.0)));
    assert_eq!(elements[1].points, [[200.0, -40.0]]);
    assert_eq!(elements[1].text.as_deref(), Some("ab\nc"));
    assert_eq!(notes, ["a[31mb"]);
}

#[test]
fn every_cap_is_held() {
    let refused = |json: String, why: &str| match parse(&json) {
        Err(Refused::Broken(got)) => assert!(got.contains(why), "{got} in place of {why}"),
        other => panic!("{other:?} in place of {why}"),
    };
    refused(table(&[element(1, "")]), "ids must count");
    refused(table(&[element(0, r#","parent":1"#)]), "reference to no element");
    refused(table(&[element(0, r#","parent":0"#)]), "a part of a part");
    refused(table(&[element(0, r#","axes":0"#)]), "axes that are none");
    refused(table(&[element(0, r#","axis":"\u001b""#)]), "an axis that is not");
    refused(table(&[element(0, r#","font_px":1e39"#)]), "number out of range");
    refused(table(&[element(0, r#","layout":[2,0,1,0]"#)]), "upright");
    refused(
        table(&[element(0, "").replace("15", "14")]).replace("\"start\":0", "\"start\":12"),
        "outside the source",
    );
    let many =
        |name: &str, one: &str, n: usize| element(0, &format!(r#","{name}":[{}]"#, vec![one; n].join(",")));
    refused(table(&[many("values", "1", MAX_VALUES + 1)]), "too many");
    refused(table(&[many("points", "[1,1]", MAX_POINTS + 1)]), "too many");
    let crowd: Vec<String> = (0..=MAX_ELEMENTS as u32).map(|i| element(i, "")).collect();
    refused(table(&crowd), "20001 elements");
    refused("[".repeat(100_000), "malformed");
}

#[test]
fn a_failure_may_not_claim_what_only_the_supervisor_knows() {
    let report = |kind: &str| {
        failure::read(
            format!(r#"{{"kind":"{kind}","message":"a\nb","span":{{"start":0,"end":99}}}}"#).as_bytes(),
            SOURCE,
        )
    };
    let error = report("syntax").unwrap();
    assert_eq!((error.kind, error.message.as_str(), error.span), (FailureKind::Syntax, "a b", None));
    assert!(report("timeout").is_err() && report("crash").is_err() && report("nonsense").is_err());
}

#[test]
fn pages_are_held_to_the_pixels_and_keep_their_elements_apart() {
    let of = |pages: &str, count: u64, elements: &[String]| {
        let json = format!(r#"{{"pages":{pages},"elements":[{}],"notes":[]}}"#, elements.join(","));
        records_of(json.as_bytes(), SOURCE, &header(count)).map(|r| r.pages.len())
    };
    let on = |id: u32, page: u32, more: &str| element(id, &format!(r#","page":{page}{more}"#));
    assert_eq!(of("[[40,10],[20,20]]", 2, &[on(0, 0, ""), on(1, 1, "")]), Ok(2));
    assert_eq!(of("[]", 1, &[on(0, 0, "")]), Ok(1));
    for (pages, count, elements) in [
        ("[[40,10],[20,20]]", 1, vec![]),
        ("[[20,20],[40,10]]", 2, vec![]),
        ("[[40,10],[0,9]]", 1, vec![]),
        ("[[40,10]]", 1, vec![on(0, 1, "")]),
        ("[[40,10],[20,20]]", 2, vec![on(0, 1, ""), on(1, 0, "")]),
        ("[[40,10],[20,20]]", 2, vec![on(0, 0, ""), on(1, 1, r#","parent":0"#)]),
    ] {
        assert!(matches!(of(pages, count, &elements), Err(Refused::Broken(_))), "{pages} {elements:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..400), head in prop::array::uniform32(any::<u8>())) {
        let mut bytes_of_header = [0; RECORDS_AT as usize];
        bytes_of_header[..32].copy_from_slice(&head);
        let _ = Header::parse(&bytes_of_header);
        bytes_of_header[..16].copy_from_slice(b"VSDPOFRM\x01\0\0\0\0\0\0\0");
        if let Ok(head) = Header::parse(&bytes_of_header) && head.of_frame().is_ok() {
            prop_assert!(head.records <= RECORDS_MAX && head.pixels <= MAX_TOTAL_PIXELS * 4);
        }
        let _ = records_of(&bytes, SOURCE, &header(1));
        let _ = failure::read(&bytes, SOURCE);
    }

    #[test]
    fn spoilt_records_give_valid_elements_or_none(at in 0usize..400, byte in any::<u8>(), value in any::<f64>()) {
        let extra = format!(r#","layout":[0,0,{value:e},9],"points":[[{value:e},1]],"text":"t","axis":"x""#);
        let mut json = table(&[element(0, ""), element(1, &extra)]).into_bytes();
        let at = at % json.len();
        json[at] = byte;
        if let Ok(Records { elements, .. }) = records_of(&json, SOURCE, &header(1)) {
            let page = Region::new(0.0, 0.0, 40.0, 10.0);
            for e in elements {
                prop_assert!(page.contains(e.region));
                prop_assert!(e.stack.iter().all(|s| s.text(SOURCE).is_some()));
                prop_assert!(e.points.iter().flatten().all(|v| v.is_finite()));
            }
        }
    }
}
