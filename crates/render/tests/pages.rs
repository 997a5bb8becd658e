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
    // A stray figure is no page, unless it is all there is.
    check(&format!("plt.figure()\nplt.figure()\n{plot}"), &["a"]);
    check("plt.figure()\n", &[""]);
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
