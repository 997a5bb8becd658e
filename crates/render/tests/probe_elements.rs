//! The table of elements: kinds, boxes, looks, and the statements that answer for them; errors with
//! places.

mod probe_support;

use probe_support::{pool, rendered, stack};
use vsdpo_artifact::{
    Attribution, Element, ElementKind, ExecError, FailureKind, Language, Outcome, Rendered, Source,
};
use vsdpo_render::Renderer;

fn of(rendered: &Rendered, kind: ElementKind) -> Vec<&Element> {
    rendered.elements.iter().filter(|e| e.kind == kind).collect()
}

fn text<'a>(rendered: &'a Rendered, text: &str) -> &'a Element {
    rendered
        .elements
        .iter()
        .find(|e| e.text.as_deref() == Some(text))
        .unwrap_or_else(|| panic!("no text {text}"))
}

fn error(source: &str) -> ExecError {
    match pool().render(&Source::new(source, Language::Python)).unwrap() {
        Outcome::Failed { error } => error,
        Outcome::Rendered(_) => panic!("should have failed:\n{source}"),
    }
}

/// The innermost expression and the class of the element with this text.
#[track_caller]
fn check_text(source: &str, label: &str, class: Attribution, expected: &[&str]) {
    let rendered = rendered(source);
    let element = text(&rendered, label);
    assert_eq!((element.class, stack(source, element)), (class, expected.to_vec()), "{label}");
}

const SMALL: &str = "\
import matplotlib.pyplot as plt
fig = plt.figure(figsize=(4, 3), dpi=100)
ax = fig.add_axes([0.25, 0.2, 0.5, 0.6])
ax.bar([0, 1], [2, 4], width=0.5, color='#336699', label='sales')
ax.set_xlim(-0.5, 1.5)
ax.set_ylim(0, 4)
ax.set_title('Sales', fontsize=18)
ax.set_xlabel('region', rotation=20)
line, = ax.plot([0, 0.5, 1], [1, 3, 1], color=(1, 0, 0, 0.5), label='_hidden')
ax.scatter([0.5], [2], c='lime')
ax.legend(loc='upper left')
fig.savefig('chart.png')
";

#[test]
fn a_known_chart_has_known_kinds_boxes_and_looks() {
    let r = rendered(SMALL);
    assert_eq!((r.pages[0].image.width, r.pages[0].image.height), (400, 300));
    use ElementKind::*;
    let count = |kind| of(&r, kind).len();
    let kinds = [Figure, Axes, Bar, Line, Collection, Title, AxisLabel, Spine, Legend, LegendText];
    assert_eq!(kinds.map(count), [1, 1, 2, 1, 1, 1, 1, 4, 1, 1]);
    // The axes take x 100..300 and y 60..240 from the top; a bar of width 0.5 is 50 px wide.
    let bars = of(&r, Bar);
    let expected = [[125.0, 150.0, 175.0, 240.0], [225.0, 60.0, 275.0, 240.0]];
    for (bar, expected) in bars.iter().zip(expected) {
        let found = <[f32; 4]>::from(bar.region);
        assert!(
            found.iter().zip(expected).all(|(a, b)| (a - b).abs() <= 1.5),
            "{found:?} is not {expected:?}"
        );
        assert_eq!(bar.color, Some([0x33, 0x66, 0x99, 255]));
        assert_eq!(bar.label.as_deref(), Some("sales"));
    }
    assert_eq!((bars[0].values.as_slice(), bars[1].values.as_slice()), ([2.0].as_slice(), [4.0].as_slice()));
    let line = of(&r, Line)[0];
    assert_eq!(line.points, [[150.0, 195.0], [200.0, 105.0], [250.0, 195.0]]);
    assert_eq!((line.values.as_slice(), &line.label), ([1.0, 3.0, 1.0].as_slice(), &None));
    assert_eq!(line.color, Some([255, 0, 0, 128]));
    assert_eq!(of(&r, Collection)[0].points, [[200.0, 150.0]]);
    let title = text(&r, "Sales");
    assert_eq!((title.kind, title.font_px, title.axes), (Title, Some(25.0), Some(of(&r, Axes)[0].id)));
    assert!(
        (title.region.center().0 - 200.0).abs() < 2.0
            && title.layout.unwrap().grow(1.0).contains(title.region)
    );
    let label = text(&r, "region");
    assert_eq!((label.kind, label.axis, label.rotation), (AxisLabel, Some('x'), Some(20.0)));
    let legend = of(&r, Legend)[0];
    for part in r.elements.iter().filter(|e| matches!(e.kind, LegendPart | LegendText)) {
        assert_eq!(part.parent, Some(legend.id));
        assert!(legend.region.contains(part.region));
    }
    let order: Vec<u32> = r.elements.iter().map(|e| e.order).collect();
    assert!(order.is_sorted() && r.elements.iter().enumerate().all(|(i, e)| e.id as usize == i));
}

#[test]
fn text_that_reaches_out_of_the_image_has_a_layout_box_outside() {
    let r = rendered(
        "import matplotlib.pyplot as plt\nplt.figure(figsize=(3, 2))\nplt.text(0.9, 0.5, 'a long text that is cut')",
    );
    let element = text(&r, "a long text that is cut");
    let right = r.pages[0].image.width as f32;
    assert!(element.region.x1 <= right && element.layout.unwrap().x1 > right + 20.0, "{element:?}");
}

#[test]
fn twin_axes_have_an_element_each_though_one_has_no_background() {
    let r = rendered(
        "import matplotlib.pyplot as plt\nfig, a = plt.subplots()\na.plot([1, 2])\nb = a.twinx()\nb.set_ylabel('right')",
    );
    let axes = of(&r, ElementKind::Axes);
    assert_eq!(axes.len(), 2);
    let twin = &r.elements[text(&r, "right").axes.unwrap() as usize];
    assert_eq!((twin.kind, twin.color.unwrap()[3]), (ElementKind::Axes, 0));
}

#[test]
fn calls_over_several_lines_in_chains_and_after_other_statements() {
    let source = "\
import matplotlib.pyplot as plt
fig, ax = plt.subplots()
größe = 'é'; ax.text(0.1, 0.1, 'one'); ax.text(0.2, 0.2,
    'two',
    color='red')
(ax.text(0.3, 0.3, 'three')
   .set_color('blue'))
";
    check_text(source, "one", Attribution::Creator, &["ax.text(0.1, 0.1, 'one')"]);
    check_text(source, "two", Attribution::Creator, &["ax.text(0.2, 0.2,\n    'two',\n    color='red')"]);
    check_text(source, "three", Attribution::Creator, &["ax.text(0.3, 0.3, 'three')"]);
}

#[test]
fn helpers_and_loops_keep_the_whole_stack() {
    let source = "\
import matplotlib.pyplot as plt
def say(ax, words):
    for i, word in enumerate(words):
        ax.text(0.2 * i, 0.5, word)
fig, axes = plt.subplots(1, 2)
for name, ax in zip('xy', axes):
    say(ax, [name + '1', name + '2'])
say(axes[0], ['again'])
[ax.set_title('both') for ax in axes]
";
    let inner = "ax.text(0.2 * i, 0.5, word)";
    let outer = "say(ax, [name + '1', name + '2'])";
    check_text(source, "y2", Attribution::Creator, &[inner, outer]);
    check_text(source, "again", Attribution::Creator, &[inner, "say(axes[0], ['again'])"]);
    let rendered = rendered(source);
    assert_eq!(stack(source, text(&rendered, "both"))[0], "ax.set_title('both')");
}

#[test]
fn the_five_classes() {
    let source = "\
import matplotlib.pyplot as plt
fig, ax = plt.subplots()
ax.plot([0, 10], [0, 10], label='l')
ax.set_ylim(0, 20)
ax.set(xlabel='words', title='first')
ax.set_title('second')
ax.spines['left'].set_color('red')
ax.grid(axis='y')
leg = ax.legend()
leg.get_texts()[0].set_text('renamed')
plt.tight_layout()
plt.savefig('chart.png', bbox_inches='tight', transparent=True)
";
    use Attribution::*;
    check_text(source, "words", Text, &["ax.set(xlabel='words', title='first')"]);
    check_text(source, "second", Text, &["ax.set_title('second')"]);
    check_text(source, "renamed", Text, &["leg.get_texts()[0].set_text('renamed')"]);
    check_text(source, "20.0", Axis, &["ax.set_ylim(0, 20)"]);
    let r = rendered(source);
    let answers = |element: &Element| (element.class, stack(source, element)[0].to_owned());
    let made = (Container, "plt.subplots()".to_owned());
    let spines: Vec<_> = of(&r, ElementKind::Spine).into_iter().map(answers).collect();
    assert_eq!(spines.iter().filter(|s| **s == made).count(), 3);
    assert!(spines.contains(&(Modifier, "ax.spines['left'].set_color('red')".to_owned())));
    for grid in of(&r, ElementKind::Grid) {
        assert_eq!(answers(grid), (Axis, "ax.grid(axis='y')".to_owned()));
    }
    // `ax.set(xlabel=..)` touches the x axis, but not its ticks.
    let ticks: Vec<_> = of(&r, ElementKind::TickLabel).into_iter().filter(|e| e.axis == Some('x')).collect();
    assert!(!ticks.is_empty() && ticks.into_iter().all(|tick| answers(tick) == made));
    assert_eq!(
        answers(of(&r, ElementKind::Line)[0]),
        (Creator, "ax.plot([0, 10], [0, 10], label='l')".to_owned())
    );
}

#[test]
fn what_a_call_draws_into_axes_of_its_own_making_is_its_creation() {
    let source =
        "import matplotlib.pyplot as plt\nplt.figure()\nplt.pcolormesh([[1, 2], [3, 4]])\nplt.title('t')\n";
    let r = rendered(source);
    let mesh = of(&r, ElementKind::Collection)[0];
    assert_eq!(
        (mesh.class, stack(source, mesh)),
        (Attribution::Creator, vec!["plt.pcolormesh([[1, 2], [3, 4]])"])
    );
    let spine = of(&r, ElementKind::Spine)[0];
    assert_eq!(
        (spine.class, stack(source, spine)[0]),
        (Attribution::Container, "plt.pcolormesh([[1, 2], [3, 4]])")
    );
}

#[test]
fn the_last_savefig_counts_in_any_format() {
    let source = "\
import io
import matplotlib.pyplot as plt
plt.plot([1, 2])
plt.savefig('first.png', dpi=100)
buffer = io.BytesIO()
plt.savefig(buffer, format='png', dpi=20)
assert buffer.getvalue()[1:4] == b'PNG'
plt.title('late')
plt.savefig('/no/such/folder/chart.svg', dpi=50, metadata={'Title': 'x'})
plt.show()
plt.close('all')
";
    let r = rendered(source);
    assert_eq!((r.pages[0].image.width, r.pages[0].image.height), (320, 240));
    assert_eq!(text(&r, "late").kind, ElementKind::Title);
}

#[test]
fn errors_tell_the_place_and_only_the_users_frames() {
    let source = "import matplotlib.pyplot as plt\ndef f(a):\n    'é'; return a + wert_é\nplt.plot([f(1)])\n";
    let e = error(source);
    assert_eq!(
        (e.kind, e.message.as_str()),
        (FailureKind::Exception, "NameError: name 'wert_é' is not defined")
    );
    assert_eq!(e.span.unwrap().text(source), Some("wert_é"));
    let trace = "Traceback (most recent call last):\n  File \"<user>\", line 4, in <module>\n    plt.plot([f(1)])\n  \
                 File \"<user>\", line 3, in f\n    'é'; return a + wert_é\nNameError: name 'wert_é' is not defined\n";
    assert_eq!(e.traceback, trace);

    let source =
        "import matplotlib.pyplot as plt\nfig, ax = plt.subplots()\nax.plot([1, 2],\n  colour='red')\n";
    let e = error(source);
    assert_eq!(e.span.unwrap().text(source), Some("ax.plot([1, 2],\n  colour='red')"));
    assert!(e.message.starts_with("AttributeError:") && !e.traceback.contains("site-packages"), "{e:?}");
}

#[test]
fn syntax_errors_exits_and_missing_figures() {
    let source = "é = 'ü'; for\n";
    let e = error(source);
    assert_eq!((e.kind, e.message.as_str()), (FailureKind::Syntax, "SyntaxError: invalid syntax"));
    assert_eq!(e.span.unwrap().text(source), Some("for"));
    let e = error("import sys\nsys.exit(3)\n");
    assert_eq!((e.kind, e.message.as_str()), (FailureKind::Exception, "SystemExit: 3"));
    assert_eq!(error("print('nothing')\n").kind, FailureKind::NoFigure);
    let r = rendered("import matplotlib.pyplot as plt, sys\nplt.plot([1, 2])\nsys.exit(0)\n");
    assert_eq!(of(&r, ElementKind::Line).len(), 1);
}

#[test]
fn a_figure_of_too_many_pixels_is_refused_before_it_is_drawn() {
    let source = "import matplotlib.pyplot as plt\nplt.figure(figsize=(300, 300))\ntry:\n    plt.savefig('a.png')\nexcept Exception:\n    pass\n";
    let e = error(source);
    assert_eq!(e.kind, FailureKind::Limit);
    assert_eq!(e.span.unwrap().text(source), Some("plt.savefig('a.png')"));
}
