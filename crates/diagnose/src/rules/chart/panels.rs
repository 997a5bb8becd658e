//! Axes grouped into panels: twin axes are one panel, colour bars are marked, and insets refer to
//! the panel that they lie in.

use crate::scene::Scene;
use vsdpo_artifact::{Element, ElementKind, Region};

/// One panel.
pub(crate) struct Panel<'a> {
    /// Its axes; twins share the place of the first.
    pub(crate) axes: Vec<&'a Element>,
    /// The plot area, which may reach outside the picture.
    pub(crate) region: Region,
    /// Whether it is a colour bar.
    pub(crate) colorbar: bool,
    /// The panel that it is an inset of, as a position in the list.
    pub(crate) host: Option<usize>,
}

impl Panel<'_> {
    /// Whether it was placed by hand and not by a grid.
    pub(crate) fn by_hand(&self) -> bool {
        self.axes[0].grid.is_none()
    }

    /// Whether an element belongs to one of its axes.
    pub(crate) fn holds(&self, e: &Element) -> bool {
        self.axes.iter().any(|axes| e.axes == Some(axes.id))
    }
}

/// Whether an element is the round frame of polar axes, or a part of one.
pub(crate) fn is_round(e: &Element) -> bool {
    e.kind == ElementKind::Spine && matches!(e.label.as_deref(), Some("<circle>" | "<arc>"))
}

/// Whether an element is the whole round frame of polar axes.
pub(crate) fn is_circle(e: &Element) -> bool {
    is_round(e) && e.label.as_deref() == Some("<circle>")
}

/// What moves a panel to another place: `[left, bottom, width, height]` in shares of the picture,
/// as `add_axes` and `set_position` take them.
pub(crate) fn moved(scene: &Scene, from: Region, to: Region) -> String {
    let bounds = scene.bounds();
    let shares = |r: Region| {
        let (w, h) = (bounds.width().max(1.0), bounds.height().max(1.0));
        let [left, bottom] = [r.x0 / w, 1.0 - r.y1 / h];
        format!("[{left:.3}, {bottom:.3}, {:.3}, {:.3}]", r.width() / w, r.height() / h)
    };
    format!("ax.set_position({}) for the panel at {}", shares(to), shares(from))
}

/// Share of two plot areas in common from which on they are twins.
const TWINS: f32 = 0.98;
/// Share of a plot area inside another one from which on it is an inset.
const INSET: f32 = 0.9;

/// The panels of a picture, in drawing order.
pub(crate) fn panels<'a>(scene: &Scene<'a>) -> Vec<Panel<'a>> {
    let mut panels: Vec<Panel> = Vec::new();
    // Sliders and buttons are placed by hand, below or beside the plots.
    let widget = |e: &&Element| e.label.as_deref() == Some("<widget>");
    for axes in scene.elements.iter().filter(|e| e.kind == ElementKind::Axes && !widget(e)) {
        let region = axes.layout.unwrap_or(axes.region);
        if region.is_empty() {
            continue;
        }
        let colorbar = axes.label.as_deref() == Some("<colorbar>");
        match panels.iter_mut().find(|p| p.region.iou(region) > TWINS) {
            Some(twin) => twin.axes.push(axes),
            None => panels.push(Panel { axes: vec![axes], region, colorbar, host: None }),
        }
    }
    let regions: Vec<Region> = panels.iter().map(|p| p.region).collect();
    for (i, panel) in panels.iter_mut().enumerate() {
        let inside = |other: &Region| panel.region.intersect(*other).area() > INSET * panel.region.area();
        panel.host = (0..regions.len()).find(|&j| j != i && inside(&regions[j]));
    }
    panels
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::*;

    #[test]
    fn twins_are_one_panel_and_insets_refer_to_their_host() {
        let colorbar = shape(3, ElementKind::Axes, [120.0, 10.0, 125.0, 90.0]).named("<colorbar>");
        let elements = vec![
            shape(0, ElementKind::Axes, [10.0, 10.0, 110.0, 90.0]),
            shape(1, ElementKind::Axes, [10.0, 10.0, 110.0, 90.0]),
            shape(2, ElementKind::Axes, [70.0, 20.0, 100.0, 40.0]),
            colorbar,
            shape(4, ElementKind::Line, [70.0, 20.0, 100.0, 40.0]).on(1, '-'),
        ];
        with_scene(elements, None, |scene| {
            let panels = panels(scene);
            let found: Vec<_> = panels.iter().map(|p| (p.axes.len(), p.colorbar, p.host)).collect();
            assert_eq!(found, [(2, false, None), (1, false, Some(0)), (1, true, None)]);
            assert!(panels[0].holds(&scene.elements[4]) && !panels[1].holds(&scene.elements[4]));
        });
    }
}
