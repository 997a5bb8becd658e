//! What the cells of a picture show: the labels that the vision tower is trained on.

use std::collections::BTreeSet;
use vsdpo_artifact::{Defect, Element, Region, Rendered};

/// Columns and rows of a picture of 320 x 240 pixels, one cell for each image token.
const GRID: (usize, usize) = (10, 8);

/// Every cell of the first page with the names of what it shows, each pair once.
pub fn marks(rendered: &Rendered, defects: &[Defect]) -> Vec<(u8, String)> {
    let size = (rendered.pages[0].image.width as f32, rendered.pages[0].image.height as f32);
    let mut all = BTreeSet::new();
    for element in rendered.elements_on(0) {
        let names = names(element);
        for cell in cells(element, size) {
            all.extend(names.iter().map(|name| (cell, name.clone())));
        }
    }
    for defect in defects {
        for cell in defect.regions.iter().flat_map(|&r| covered(r, size)) {
            all.insert((cell, defect.rule.to_owned()));
        }
    }
    all.into_iter().collect()
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

/// The cells that an element leaves ink in: for a line those on its course, for all others those of
/// its box.
fn cells(element: &Element, size: (f32, f32)) -> Vec<u8> {
    const STEPS: usize = 32;
    if element.points.len() < 2 {
        return covered(element.region, size);
    }
    let between = |ends: &[[f32; 2]]| {
        let (a, b) = (ends[0], ends[1]);
        (0..=STEPS).map(move |k| [0, 1].map(|i| a[i] + (b[i] - a[i]) * k as f32 / STEPS as f32))
    };
    let points = element.points.windows(2).flat_map(between);
    let cells = points.filter(|p| (0.0..size.0).contains(&p[0]) && (0.0..size.1).contains(&p[1]));
    cells.map(|[x, y]| cell(x, y, size)).collect::<BTreeSet<u8>>().into_iter().collect()
}

fn covered(region: Region, size: (f32, f32)) -> Vec<u8> {
    let end = |v: f32, limit: f32| v.min(limit - 0.5);
    let (x0, y0) = (region.x0.max(0.0), region.y0.max(0.0));
    let (x1, y1) = (end(region.x1 - 0.5, size.0), end(region.y1 - 0.5, size.1));
    if x1 < x0 || y1 < y0 {
        return Vec::new();
    }
    let (first, last) = (cell(x0, y0, size) as usize, cell(x1, y1, size) as usize);
    let (rows, columns) = (first / GRID.0..=last / GRID.0, first % GRID.0..=last % GRID.0);
    rows.flat_map(|row| columns.clone().map(move |column| (row * GRID.0 + column) as u8)).collect()
}

fn cell(x: f32, y: f32, size: (f32, f32)) -> u8 {
    let (column, row) = ((x / size.0 * GRID.0 as f32) as usize, (y / size.1 * GRID.1 as f32) as usize);
    (row.min(GRID.1 - 1) * GRID.0 + column.min(GRID.0 - 1)) as u8
}
