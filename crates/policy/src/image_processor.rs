//! Converts images to patches with exactly the values of transformers' `Qwen2VLImageProcessor`,
//! which Qwen3-VL uses.
//!
//! The steps: composite on white, resize to multiples of patch x merge within the pixel budget,
//! normalise, cut into patches in the order in which the vision tower merges them. The resampling
//! is our own ([`resize_rgb`]), because torchvision's 8-bit bicubic rounds the weights and the
//! result of both passes, and other implementations differ from it in the last bit.
//!
//! Not implemented: video, crops, and settings that disable a step (rejected by `load`).

use crate::FrontError;
use crate::tokenizer::read_json;
use serde::Deserialize;
use std::hash::{DefaultHasher, Hasher};
use std::path::Path;
use vsdpo_artifact::{Image, Resampling, resize_rgb};

/// The patches of an image, the input of the vision tower.
#[derive(Clone, PartialEq)]
pub struct PatchGrid {
    /// `[t*h*w, channels * temporal_patch * patch * patch]`, row-major; the patches of one merge
    /// window are consecutive.
    pub patches: Vec<f32>,
    /// Number of patches `[t, h, w]`; `t` is 1.
    pub grid: [usize; 3],
    /// A hash of the resized pixels, stable within one process; see `PatchGrid::key`.
    pub hash: u64,
}

impl std::fmt::Debug for PatchGrid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PatchGrid({:?}, {:016x})", self.grid, self.hash)
    }
}

impl PatchGrid {
    /// Number of patches.
    pub fn rows(&self) -> usize {
        self.grid.iter().product()
    }

    /// The key of the image in caches of one process: equal for equal pixels.
    pub(crate) fn key(&self) -> ImageKey {
        ImageKey { hash: self.hash, grid: self.grid }
    }
}

/// Identifies an image by its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ImageKey {
    hash: u64,
    grid: [usize; 3],
}

/// The image processor of a model folder.
#[derive(Clone, Debug, PartialEq)]
pub struct ImageProcessor {
    patch: usize,
    merge: usize,
    temporal: usize,
    min_pixels: usize,
    max_pixels: usize,
    mean: [f32; 3],
    std: [f32; 3],
}

/// The settings in the file; missing ones have the defaults of transformers' class.
#[derive(Deserialize)]
#[serde(default)]
struct Settings {
    size: Size,
    min_pixels: Option<usize>,
    max_pixels: Option<usize>,
    patch_size: usize,
    merge_size: usize,
    temporal_patch_size: usize,
    image_mean: [f32; 3],
    image_std: [f32; 3],
    rescale_factor: f64,
    resample: u32,
    do_resize: bool,
    do_rescale: bool,
    do_normalize: bool,
}

#[derive(Deserialize)]
#[serde(default)]
struct Size {
    shortest_edge: usize,
    longest_edge: usize,
}

impl Default for Size {
    fn default() -> Self {
        Self { shortest_edge: 56 * 56, longest_edge: 28 * 28 * 1280 }
    }
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            size: Size::default(),
            min_pixels: None,
            max_pixels: None,
            patch_size: 14,
            merge_size: 2,
            temporal_patch_size: 2,
            image_mean: [0.481_454_66, 0.457_827_5, 0.408_210_73],
            image_std: [0.268_629_54, 0.261_302_6, 0.275_777_1],
            rescale_factor: 1.0 / 255.0,
            resample: BICUBIC,
            do_resize: true,
            do_rescale: true,
            do_normalize: true,
        }
    }
}

/// PIL's number for bicubic.
const BICUBIC: u32 = 3;

impl ImageProcessor {
    /// Reads the settings: key `image_processor` of `processor_config.json` (as transformers 5
    /// writes), else `preprocessor_config.json` (as in the published Qwen3-VL folders).
    ///
    /// # Errors
    /// A missing or malformed file, or unsupported settings.
    pub fn load(dir: &Path) -> Result<Self, FrontError> {
        let together = dir.join("processor_config.json");
        let settings = read_json(&together)?["image_processor"].clone();
        let (path, settings) = if settings.is_null() {
            let alone = dir.join("preprocessor_config.json");
            let settings = read_json(&alone)?;
            (alone, settings)
        } else {
            (together, settings)
        };
        let fail = |message: String| FrontError::Json { path: path.clone(), message };
        if settings.is_null() {
            return Err(fail("file not found; help: copy it from the original model folder".into()));
        }
        let settings: Settings = serde_json::from_value(settings).map_err(|e| fail(e.to_string()))?;
        settings.into_processor().map_err(fail)
    }

    /// Lowers the most pixels of a resized image, but not below one merge window.
    pub(crate) fn limit_pixels(&mut self, max_pixels: usize) {
        self.max_pixels = self.max_pixels.min(max_pixels).max((self.patch * self.merge).pow(2));
        self.min_pixels = self.min_pixels.min(self.max_pixels);
    }

    /// Number of values in one patch: channels x temporal patch x patch x patch.
    pub fn patch_len(&self) -> usize {
        3 * self.temporal * self.patch * self.patch
    }

    /// Number of placeholder tokens of an image: one per merge window.
    pub fn placeholders(&self, grid: &PatchGrid) -> usize {
        grid.rows() / (self.merge * self.merge)
    }

    /// The size (width, height) in pixels to which an image is resized: multiples of patch x merge,
    /// the area within the budget, the aspect ratio as close to the original as these allow. The
    /// same as `smart_resize` in transformers.
    ///
    /// # Errors
    /// An empty image, an aspect ratio above 200, or a result without pixels.
    pub fn resized(&self, width: u32, height: u32) -> Result<(usize, usize), FrontError> {
        let fail = |message: &str| FrontError::ImageSize { width, height, message: message.into() };
        if width == 0 || height == 0 {
            return Err(fail("it is empty"));
        }
        let (w, h) = (f64::from(width), f64::from(height));
        if w.max(h) / w.min(h) > 200.0 {
            return Err(fail("its aspect ratio is above 200"));
        }
        let factor = (self.patch * self.merge) as f64;
        // Python rounds halves to even.
        let (mut w_bar, mut h_bar) =
            ((w / factor).round_ties_even() * factor, (h / factor).round_ties_even() * factor);
        if w_bar * h_bar > self.max_pixels as f64 {
            let beta = (h * w / self.max_pixels as f64).sqrt();
            w_bar = factor.max((w / beta / factor).floor() * factor);
            h_bar = factor.max((h / beta / factor).floor() * factor);
        } else if w_bar * h_bar < self.min_pixels as f64 {
            let beta = (self.min_pixels as f64 / (h * w)).sqrt();
            w_bar = (w * beta / factor).ceil() * factor;
            h_bar = (h * beta / factor).ceil() * factor;
        }
        if w_bar * h_bar < 1.0 {
            return Err(fail("its resized area is 0; help: raise min_pixels in preprocessor_config.json"));
        }
        Ok((w_bar as usize, h_bar as usize))
    }

    /// Resizes an image and cuts it into normalised patches.
    ///
    /// # Errors
    /// As [`Self::resized`].
    pub fn patches(&self, image: &Image) -> Result<PatchGrid, FrontError> {
        let (width, height) = self.resized(image.width, image.height)?;
        let rgb = image.on_white();
        let rgb = resize_rgb(
            &rgb,
            (image.width as usize, image.height as usize),
            (width, height),
            Resampling::TorchvisionBicubic,
        );
        let grid = [1, height / self.patch, width / self.patch];
        let mut hasher = DefaultHasher::new();
        hasher.write_usize(width);
        hasher.write(&rgb);
        Ok(PatchGrid { patches: self.patchify(&rgb, grid), grid, hash: hasher.finish() })
    }

    /// Patches in the order (h/merge, w/merge, merge, merge), the values of each in the order
    /// (channel, time, y, x); the single frame is repeated over time.
    fn patchify(&self, rgb: &[u8], [_, grid_h, grid_w]: [usize; 3]) -> Vec<f32> {
        let (patch, merge, width) = (self.patch, self.merge, grid_w * self.patch);
        let table = self.normalised();
        let mut out = Vec::with_capacity(grid_h * grid_w * self.patch_len());
        let windows =
            (0..grid_h).step_by(merge).flat_map(|y| (0..grid_w).step_by(merge).map(move |x| (y, x)));
        for (window_y, window_x) in windows {
            for cell in 0..merge * merge {
                let (y0, x0) = ((window_y + cell / merge) * patch, (window_x + cell % merge) * patch);
                for (channel, values) in table.iter().enumerate() {
                    let start = out.len();
                    for y in y0..y0 + patch {
                        let row = &rgb[(y * width + x0) * 3..][..patch * 3];
                        out.extend(row.iter().skip(channel).step_by(3).map(|&v| values[usize::from(v)]));
                    }
                    for _ in 1..self.temporal {
                        out.extend_from_within(start..start + patch * patch);
                    }
                }
            }
        }
        out
    }

    /// The normalised value of every byte value, per channel.
    fn normalised(&self) -> [[f32; 256]; 3] {
        std::array::from_fn(|c| std::array::from_fn(|v| (v as f32 - self.mean[c]) / self.std[c]))
    }
}

impl Settings {
    fn into_processor(self) -> Result<ImageProcessor, String> {
        if !(self.do_resize && self.do_rescale && self.do_normalize) {
            let names = "do_resize, do_rescale and do_normalize";
            return Err(format!("only {names} = true are supported"));
        }
        if self.resample != BICUBIC {
            return Err(format!("resample is {}; only 3 (bicubic) is supported", self.resample));
        }
        if [self.patch_size, self.merge_size, self.temporal_patch_size].contains(&0)
            || self.image_std.contains(&0.0)
        {
            return Err("patch_size, merge_size, temporal_patch_size and image_std must not be 0".into());
        }
        // Rescaling is folded into mean and standard deviation in f32, as in transformers.
        let scale = (1.0 / self.rescale_factor) as f32;
        Ok(ImageProcessor {
            patch: self.patch_size,
            merge: self.merge_size,
            temporal: self.temporal_patch_size,
            min_pixels: self.min_pixels.unwrap_or(self.size.shortest_edge),
            max_pixels: self.max_pixels.unwrap_or(self.size.longest_edge),
            mean: self.image_mean.map(|v| v * scale),
            std: self.image_std.map(|v| v * scale),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lower_limit_of_pixels_holds_and_a_higher_one_changes_nothing() {
        // As published with Qwen3-VL: up to 16,384 windows of 32 x 32 pixels.
        let settings = Settings {
            size: Size { shortest_edge: 65_536, longest_edge: 16_777_216 },
            patch_size: 16,
            ..Settings::default()
        };
        let published = settings.into_processor().unwrap();
        let limited = |pixels: usize| {
            let mut processor = published.clone();
            processor.limit_pixels(pixels);
            processor.resized(4000, 3000).unwrap()
        };
        assert_eq!(published.resized(4000, 3000).unwrap(), (4000, 3008));
        // 1024 windows: the largest 4:3 grid is 36 x 27.
        assert_eq!(limited(1024 * 1024), (1152, 864));
        assert_eq!(limited(usize::MAX), (4000, 3008));
        assert_eq!(limited(1), (32, 32), "one window is left");
    }
}
