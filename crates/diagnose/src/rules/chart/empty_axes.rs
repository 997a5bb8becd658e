#![doc = include_str!("empty_axes.md")]

use super::{RuleResult, defect};
use crate::rules::chart::panels::{Panel, panels};
use crate::scene::Scene;
use vsdpo_artifact::ElementKind::{Legend, Spine, TableText, Text, Tick, TickLabel};

pub(super) const SUMMARY: &str = "a panel is empty";

pub(super) fn check(scene: &Scene) -> RuleResult {
    let panels = panels(scene);
    if panels.is_empty() {
        return RuleResult::not_evaluated("no axes");
    }
    let empty: Vec<&Panel> = panels.iter().filter(|p| is_empty(scene, &panels, p)).collect();
    let observed = match empty.len() {
        0 => "none".to_string(),
        n => format!("{n} of {} panels", panels.iter().filter(|p| !p.colorbar).count()),
    };
    let all = empty.len() == panels.iter().filter(|p| !p.colorbar).count();
    let defects = empty.iter().map(|p| {
        let found = defect(&p.axes[..1], "an axes with a frame and nothing in it".into());
        let found = found.with_help("fig.delaxes(ax), or ax.axis('off')");
        // Where no axes shows anything, a script tries out a layout or waits for input.
        if all { found.note() } else { found }
    });
    RuleResult::counted(defects.collect(), observed)
}

/// Whether the panel has a frame or ticks, and neither data nor text nor an inset between them.
fn is_empty(scene: &Scene, panels: &[Panel], panel: &Panel) -> bool {
    let inked = || scene.elements.iter().filter(|e| !e.region.is_empty() && panel.holds(e));
    let framed = inked().any(|e| matches!(e.kind, Spine | Tick | TickLabel));
    let shows = inked().any(|e| e.kind.is_data() || matches!(e.kind, Text | TableText | Legend));
    let hosts = panels.iter().any(|p| p.host.is_some_and(|h| std::ptr::eq(&panels[h], panel)));
    // Elements of no axes (figure.text, a figure's legend) may still lie in the panel.
    let covered = scene.elements.iter().any(|e| {
        e.axes.is_none()
            && (e.kind.is_data() || matches!(e.kind, Text | Legend))
            && panel.region.contains(e.region)
    });
    framed && !shows && !hosts && !covered && !panel.colorbar
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::testing::*;
    use vsdpo_artifact::ElementKind::*;

    fn two(extra: Vec<Made>) -> Vec<Made> {
        let mut elements = vec![
            shape(0, Axes, [10.0, 10.0, 90.0, 90.0]),
            shape(1, Axes, [110.0, 10.0, 190.0, 90.0]),
            shape(2, Line, [20.0, 20.0, 80.0, 80.0]).on(0, '-'),
            shape(3, Spine, [10.0, 10.0, 90.0, 11.0]).on(0, '-'),
            shape(4, Spine, [110.0, 10.0, 190.0, 11.0]).on(1, '-'),
        ];
        elements.extend(extra);
        elements
    }

    #[test]
    fn a_frame_without_content_is_found() {
        counts(check, two(vec![]), "1 of 2 panels", &[&[1]]);
        counts(check, two(vec![shape(5, Bar, [120.0, 20.0, 130.0, 80.0]).on(1, '-')]), "none", &[]);
        counts(check, two(vec![text(5, "no data", [120.0, 20.0, 130.0, 80.0]).on(1, '-')]), "none", &[]);
        counts(check, two(vec![text(5, "no data", [120.0, 20.0, 130.0, 80.0])]), "none", &[]);
        counts(check, two(vec![shape(5, Axes, [120.0, 20.0, 150.0, 80.0])]), "none", &[]);
    }

    #[test]
    fn twins_and_hidden_axes_are_not_empty() {
        let twin = vec![
            shape(0, Axes, [10.0, 10.0, 90.0, 90.0]),
            shape(1, Axes, [10.0, 10.0, 90.0, 90.0]),
            shape(2, Line, [20.0, 20.0, 80.0, 80.0]).on(0, '-'),
            shape(3, TickLabel, [91.0, 10.0, 99.0, 15.0]).on(1, 'y'),
        ];
        counts(check, twin, "none", &[]);
        counts(check, vec![shape(0, Axes, [10.0, 10.0, 90.0, 90.0])], "none", &[]);
    }
}
