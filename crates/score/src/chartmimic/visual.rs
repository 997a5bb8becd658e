//! Visual similarity of two pictures: structural similarity of small grey copies.
//!
//! The paper names a visual score of charts without a formula; this one is ours. Both pictures are
//! put on white, made grey (Rec. 601) and shrunk by averaging areas to one grid, whose longer side
//! is [`GRID`] and whose shape is the reference's. A figure of other proportions is therefore
//! compared stretched. Then the index of Wang et al. (2004): Gaussian windows of 11 x 11 with
//! deviation 1.5, K1 = 0.01, K2 = 0.03, averaged over all windows that lie inside. Negative values
//! count as 0. At this scale an axes that is a few pixels elsewhere costs little, and a swapped
//! kind of chart or colour much; texts are not read. The caller may average this with the
//! similarity of CLIP, which compares the content.

use vsdpo_artifact::Image;

/// Pixels of the longer side of the grid.
pub const GRID: usize = 128;

const RADIUS: usize = 5;
const SIGMA: f64 = 1.5;

/// Similarity of a picture to the reference, from 0 to 1; 1 for equal pictures, 0 if one
/// has no pixels.
pub fn similarity(pred: &Image, reference: &Image) -> f64 {
    let (w, h) = (reference.width as usize, reference.height as usize);
    if w == 0 || h == 0 || pred.width == 0 || pred.height == 0 {
        return 0.0;
    }
    let scale = GRID as f64 / w.max(h) as f64;
    let side = |n: usize| ((n as f64 * scale).round() as usize).max(2 * RADIUS + 1);
    let grid = (side(w), side(h));
    ssim(&Grey::of(pred).shrunk(grid), &Grey::of(reference).shrunk(grid)).max(0.0)
}

/// Grey values from 0 to 255, row by row.
struct Grey {
    width: usize,
    height: usize,
    values: Vec<f64>,
}

impl Grey {
    fn of(image: &Image) -> Self {
        let grey = |p: &[u8]| {
            let [r, g, b, a] = [p[0], p[1], p[2], p[3]].map(f64::from);
            let luma = 0.299 * r + 0.587 * g + 0.114 * b;
            (luma * a + 255.0 * (255.0 - a)) / 255.0
        };
        let values = image.rgba.chunks_exact(4).map(grey).collect();
        Self { width: image.width as usize, height: image.height as usize, values }
    }

    /// Averaged over the areas of a grid of `(width, height)`.
    fn shrunk(&self, (width, height): (usize, usize)) -> Self {
        let (across, down) = (shares(self.width, width), shares(self.height, height));
        let rows: Vec<Vec<f64>> = self
            .values
            .chunks_exact(self.width)
            .map(|row| across.iter().map(|share| share.iter().map(|&(x, s)| row[x] * s).sum()).collect())
            .collect();
        let cell = |share: &Vec<(usize, f64)>, x: usize| share.iter().map(|&(y, s)| rows[y][x] * s).sum();
        let values = down.iter().flat_map(|share| (0..width).map(move |x| cell(share, x))).collect();
        Self { width, height, values }
    }
}

/// Which of `from` pixels lie in each of `to` cells, with their shares of the cell.
fn shares(from: usize, to: usize) -> Vec<Vec<(usize, f64)>> {
    let step = from as f64 / to as f64;
    let cell = |i: usize| {
        let (start, end) = (i as f64 * step, ((i + 1) as f64 * step).min(from as f64));
        let pixels = (start as usize)..(end.ceil() as usize).min(from);
        let share = |x: usize| ((x + 1) as f64).min(end) - (x as f64).max(start);
        pixels.map(|x| (x, share(x) / step)).collect()
    };
    (0..to).map(cell).collect()
}

/// Mean structural similarity of two pictures of one size.
fn ssim(a: &Grey, b: &Grey) -> f64 {
    let (c1, c2) = ((0.01f64 * 255.0).powi(2), (0.03f64 * 255.0).powi(2));
    let product = |x: &[f64], y: &[f64]| -> Vec<f64> { x.iter().zip(y).map(|(x, y)| x * y).collect() };
    let blur = |values: &[f64]| blurred(values, a.width, a.height);
    let (ma, mb) = (blur(&a.values), blur(&b.values));
    let (aa, bb) = (blur(&product(&a.values, &a.values)), blur(&product(&b.values, &b.values)));
    let ab = blur(&product(&a.values, &b.values));
    let index = |i: usize| {
        let (va, vb) = (aa[i] - ma[i] * ma[i], bb[i] - mb[i] * mb[i]);
        let cov = ab[i] - ma[i] * mb[i];
        (2.0 * ma[i] * mb[i] + c1) * (2.0 * cov + c2)
            / ((ma[i] * ma[i] + mb[i] * mb[i] + c1) * (va + vb + c2))
    };
    (0..ma.len()).map(index).sum::<f64>() / ma.len() as f64
}

/// Gaussian means over the windows that lie inside: `(width - 10) x (height - 10)` values.
fn blurred(values: &[f64], width: usize, height: usize) -> Vec<f64> {
    let taps = kernel();
    let (w, h) = (width - 2 * RADIUS, height - 2 * RADIUS);
    let along: Vec<f64> = values
        .chunks_exact(width)
        .flat_map(|row| (0..w).map(move |x| taps.iter().zip(&row[x..]).map(|(t, v)| t * v).sum()))
        .collect();
    let at = |x: usize, y: usize| taps.iter().enumerate().map(|(k, t)| t * along[(y + k) * w + x]).sum();
    (0..h).flat_map(|y| (0..w).map(move |x| at(x, y))).collect()
}

fn kernel() -> [f64; 2 * RADIUS + 1] {
    let raw: [f64; 2 * RADIUS + 1] = std::array::from_fn(|i| {
        let d = i as f64 - RADIUS as f64;
        (-d * d / (2.0 * SIGMA * SIGMA)).exp()
    });
    let sum: f64 = raw.iter().sum();
    raw.map(|t| t / sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pattern(f: impl Fn(usize, usize) -> usize) -> Grey {
        let values = (0..24).flat_map(|y| (0..32).map(move |x| (x, y))).map(|(x, y)| (f(x, y) % 256) as f64);
        Grey { width: 32, height: 24, values: values.collect() }
    }

    /// Numbers printed by scikit-image 0.26.0 (`structural_similarity` with data_range 255,
    /// gaussian_weights, sigma 1.5, without sample covariance) for these patterns.
    #[test]
    fn agrees_with_scikit_image() {
        let a = pattern(|x, y| 7 * x + 13 * y);
        let b = pattern(|x, y| 7 * x + 13 * y + (x * y) % 17 * 3);
        let inverse = pattern(|x, y| 255 - (7 * x + 13 * y) % 256);
        let flat = pattern(|_, _| 200);
        for (other, want) in [
            (&b, 0.447_596_810_690_407_2),
            (&inverse, -0.663_434_920_184_931),
            (&flat, 0.048_282_913_168_329_83),
            (&a, 1.0),
        ] {
            let got = ssim(&a, other);
            assert!((got - want).abs() < 1e-12, "{got} {want}");
        }
    }

    fn image(width: u32, height: u32, f: impl Fn(u32, u32) -> [u8; 4]) -> Image {
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let rgba: Vec<u8> = pixels.flat_map(|(x, y)| f(x, y)).collect();
        Image { width, height, rgba: rgba.into() }
    }

    #[test]
    fn areas_are_averaged_with_their_shares() {
        // Five pixels in two cells: 2.5 each.
        let row = Grey { width: 5, height: 1, values: vec![0.0, 10.0, 20.0, 30.0, 40.0] };
        let got = row.shrunk((2, 1)).values;
        assert!((got[0] - 8.0).abs() < 1e-12 && (got[1] - 32.0).abs() < 1e-12, "{got:?}");
        // Two pixels in three cells: the middle one has half of both.
        let row = Grey { width: 2, height: 1, values: vec![0.0, 30.0] };
        let got = row.shrunk((3, 1)).values;
        assert!(
            (got[0]).abs() < 1e-9 && (got[1] - 15.0).abs() < 1e-9 && (got[2] - 30.0).abs() < 1e-9,
            "{got:?}"
        );
    }

    #[test]
    fn equal_pictures_are_one_and_size_does_not_matter_much() {
        let disc = |w: u32, h: u32| {
            image(w, h, move |x, y| {
                let (u, v) = (f64::from(x) / f64::from(w) - 0.5, f64::from(y) / f64::from(h) - 0.5);
                if u * u + v * v < 0.1 { [200, 30, 30, 255] } else { [255, 255, 255, 255] }
            })
        };
        assert!((similarity(&disc(400, 300), &disc(400, 300)) - 1.0).abs() < 1e-12);
        assert!(similarity(&disc(800, 600), &disc(400, 300)) > 0.97);
        // A transparent picture counts as white.
        let clear = image(400, 300, |_, _| [0, 0, 0, 0]);
        let white = image(400, 300, |_, _| [255; 4]);
        assert_eq!(similarity(&clear, &white), 1.0);
        assert!(similarity(&white, &disc(400, 300)) < 0.9);
        assert_eq!(similarity(&image(0, 0, |_, _| [0; 4]), &white), 0.0);
    }
}
