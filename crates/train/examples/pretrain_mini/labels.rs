//! What the cells of a picture show: the labels that the vision tower is trained on.

use std::collections::BTreeSet;
use vsdpo_artifact::{Defect, Element, Region, Rendered};

/// A thing that a picture shows: where, in fractions of the picture's size, and its name.
pub type Label = (Region, String);

/// What the first page shows, and its good places. A line is a label at every point of its course.
pub fn labels(rendered: &Rendered, defects: &[Defect], places: Vec<Label>) -> Vec<Label> {
    let image = &rendered.pages[0].image;
    let (w, h) = (image.width as f32, image.height as f32);
    let fraction = |r: Region| Region::new(r.x0 / w, r.y0 / h, r.x1 / w, r.y1 / h);
    let mut all = Vec::new();
    for element in rendered.elements_on(0) {
        let names = names(element);
        for region in course(element) {
            all.extend(names.iter().map(|name| (fraction(region), name.clone())));
        }
    }
    for defect in defects {
        all.extend(defect.regions.iter().map(|&region| (fraction(region), defect.rule.to_owned())));
    }
    all.extend(places.into_iter().map(|(region, name)| (fraction(region), name)));
    all
}

/// The cells of a grid of so many columns and rows that a region touches.
pub fn cells(region: Region, (columns, rows): (usize, usize)) -> impl Iterator<Item = usize> {
    let span = |from: f32, to: f32, count: usize| {
        let cell = |v: f32| (v * count as f32) as usize;
        let inside = to >= 0.0 && from < 1.0;
        if inside { cell(from.max(0.0))..cell(to.clamp(0.0, 1.0) - 1e-4).min(count - 1) + 1 } else { 0..0 }
    };
    let across = span(region.x0, region.x1, columns);
    span(region.y0, region.y1, rows).flat_map(move |y| across.clone().map(move |x| y * columns + x))
}

/// The kind of an element, and its size, rotation and alignment.
fn names(element: &Element) -> Vec<String> {
    let kind = match &element.html {
        Some(html) => format!("{:?} {}", element.kind, html.tag),
        None => format!("{:?} {}", element.kind, element.axis.unwrap_or(' ')),
    };
    let mut names = vec![kind.clone()];
    names.extend(element.font_px.map(|px| format!("{kind} font {px:.0}")));
    names.extend(element.rotation.map(|turn| format!("{kind} rotation {turn:.0}")));
    names.extend(element.align.map(|align| format!("{kind} align {}", align.name())));
    names.extend(element.pattern.as_ref().map(|pattern| format!("{kind} {pattern}")));
    names
}

/// Where an element leaves ink: a line along its course, anything else in its box.
fn course(element: &Element) -> Vec<Region> {
    const STEPS: usize = 12;
    if element.points.len() < 2 {
        return vec![element.region];
    }
    let between = |ends: &[[f32; 2]]| {
        let (a, b) = (ends[0], ends[1]);
        (0..STEPS).map(move |k| [0, 1].map(|i| a[i] + (b[i] - a[i]) * k as f32 / STEPS as f32))
    };
    let points = element.points.windows(2).flat_map(between).map(|p| p.map(|v| v as i32));
    let distinct: BTreeSet<[i32; 2]> = points.collect();
    distinct
        .into_iter()
        .map(|[x, y]| Region::new(x as f32, y as f32, (x + 1) as f32, (y + 1) as f32))
        .collect()
}
