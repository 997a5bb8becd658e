//! Scripts with several figures: a page for each that is saved, shown or left open.

mod probe_support;

use probe_support::rendered;
use vsdpo_artifact::{ElementKind, Rendered};

const HEAD: &str = "import matplotlib.pyplot as plt\n";

/// The title of every page.
fn titles(rendered: &Rendered) -> Vec<&str> {
    let title = |page: usize| {
        let titles = rendered.elements_on(page).iter().filter(|e| e.kind == ElementKind::Title);
        titles.filter_map(|e| e.text.as_deref()).next().unwrap_or("")
    };
    (0..rendered.pages.len()).map(title).collect()
}

fn check(body: &str, want: &[&str]) -> Rendered {
    let script = format!("{HEAD}{body}");
    let rendered = rendered(&script);
    assert_eq!(titles(&rendered), want, "{script}");
    for (i, e) in rendered.elements.iter().enumerate() {
        assert_eq!(e.id as usize, i);
        let linked = [e.parent, e.axes].into_iter().flatten().map(|id| rendered.elements[id as usize].page);
        assert!(linked.into_iter().all(|page| page == e.page), "{e:?}");
    }
    rendered
}

#[test]
fn figures_are_pages_in_the_order_of_their_appearance() {
    let two = "for name in 'ab':\n  plt.figure(figsize=(3 if name == 'a' else 4, 2))\n  plt.plot([1, 2])\n  plt.title(name)\n";
    let open = check(two, &["a", "b"]);
    assert_eq!((open.pages[0].image.width, open.pages[1].image.width), (300, 400));
    // The statements answer for the elements of every page.
    let title = open.elements_on(1).iter().find(|e| e.kind == ElementKind::Title).unwrap();
    assert_eq!(title.stack[0].text(&format!("{HEAD}{two}")), Some("plt.title(name)"));
    check(&format!("{two}plt.figure(1)\nplt.savefig('x.png')\n"), &["a", "b"]);
    check(&format!("{two}plt.savefig('x.png')\n"), &["b", "a"]);
    let closed =
        "for name in 'abc':\n  plt.plot([1, 2])\n  plt.title(name)\n  plt.savefig(name)\n  plt.close()\n";
    check(closed, &["a", "b", "c"]);
    let cleared =
        "for name in 'ab':\n  plt.clf()\n  plt.plot([1, 2])\n  plt.title(name)\n  plt.savefig(name)\n";
    check(cleared, &["a", "b"]);
}

#[test]
fn one_figure_is_one_page_whatever_is_done_with_it() {
    let plot = "plt.plot([1, 2])\nplt.title('a')\n";
    check(plot, &["a"]);
    check(&format!("{plot}plt.savefig('x.png')\nplt.savefig('x.pdf')\n"), &["a"]);
    check(&format!("{plot}plt.savefig('x.png')\nplt.savefig('y.png')\n"), &["a"]);
    check(&format!("{plot}plt.savefig('x.png')\nplt.show()\n"), &["a"]);
    check(&format!("{plot}plt.show()\nplt.title('b')\nplt.savefig('x.png')\n"), &["b"]);
    check(&format!("{plot}plt.show()\nplt.title('b')\nplt.show()\n"), &["b"]);
    // An empty figure is no page, unless it is the only figure.
    check(&format!("plt.figure()\nplt.figure()\n{plot}"), &["a"]);
    check("plt.figure()\n", &[""]);
}

fn left_out(rendered: &Rendered) -> Option<&str> {
    rendered.notes.iter().find_map(|n| n.split(" more picture").next().filter(|count| count.len() < n.len()))
}

#[test]
fn more_pages_than_allowed_are_counted() {
    let many = "for i in range(70):\n  plt.figure(figsize=(1, 1))\n  plt.plot([1])\n  plt.savefig(str(i))\n  plt.close()\n";
    let rendered = rendered(&format!("{HEAD}{many}"));
    assert_eq!(rendered.pages.len(), 64);
    assert!(
        rendered.notes.iter().any(|n| n.starts_with("6 more pictures are left out")),
        "{:?}",
        rendered.notes
    );
}

#[test]
fn a_picture_that_is_left_out_counts_once_however_often_it_is_shown() {
    let many = "for i in range(66):\n  plt.figure(figsize=(1, 1))\n  plt.plot([1])\nplt.show()\nplt.show()\n";
    let rendered = rendered(&format!("{HEAD}{many}"));
    assert_eq!((rendered.pages.len(), left_out(&rendered)), (64, Some("2")), "{:?}", rendered.notes);
}

#[test]
fn a_figure_that_no_longer_fits_is_left_out_with_its_earlier_picture() {
    let save = "  plt.figure(name, figsize=(30, 30 if name != 'd' else 1))\n  plt.plot([1, 2])\n  plt.title(name)\n  plt.savefig(name)\n";
    let grown = format!("for name in 'abcd':\n{save}plt.gcf().set_size_inches(30, 30)\nplt.savefig('d')\n");
    let rendered = check(&grown, &["a", "b", "c"]);
    assert_eq!(left_out(&rendered), Some("1"), "{:?}", rendered.notes);
    // A figure alone is a page whatever its size was before.
    check("plt.title('a')\nplt.savefig('x')\nplt.gcf().set_size_inches(30, 30)\nplt.savefig('x')\n", &["a"]);
}
