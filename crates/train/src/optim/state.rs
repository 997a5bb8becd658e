//! The optimizer's state in a file.

use super::moments::{BLOCK, Codes, Moments};
use super::{AdamW, OptimError, check_shape};
use candle_core::Tensor;
use std::collections::HashMap;
use std::path::Path;
use vsdpo_policy::{PolicyError, SaveDtype, Source, write_file};

/// The moments' names after their parameter's, as PyTorch has them.
const FIRST: &str = "exp_avg";
const SECOND: &str = "exp_avg_sq";
/// The parts of an 8-bit moment.
const CODES: &str = ".codes";
const SCALES: &str = ".scales";

impl AdamW {
    /// Writes moments and counters to a safetensors file: `<parameter>.exp_avg` and
    /// `<parameter>.exp_avg_sq`, or of 8-bit moments `<moment>.codes` and `<moment>.scales`;
    /// `steps` and `skipped`.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn save(&self, path: &Path) -> Result<(), PolicyError> {
        let mut sources = Vec::new();
        for slot in &self.slots {
            let name = |moment: &str| format!("{}.{moment}", slot.name);
            match &slot.moments {
                Moments::F32 { first, second } => {
                    for (moment, values) in [(FIRST, first), (SECOND, second)] {
                        sources.push(Source::floats(name(moment), slot.var.dims(), values));
                    }
                }
                Moments::Blocks8 { first, second } => {
                    for (moment, Codes { codes, scales }) in [(FIRST, first), (SECOND, second)] {
                        sources.push(Source::bytes(format!("{}{CODES}", name(moment)), codes));
                        sources.push(Source::floats(
                            format!("{}{SCALES}", name(moment)),
                            &[scales.len()],
                            scales,
                        ));
                    }
                }
            }
        }
        let count = |name: &str, count: usize| Source::integer(name.to_owned(), count as i64);
        sources.extend([count("steps", self.steps), count("skipped", self.skipped)]);
        write_file(path, &sources, SaveDtype::F32)
    }

    /// Takes back what [`save`](Self::save) wrote, by the names of the tensors.
    ///
    /// # Errors
    /// If a tensor is missing or has another shape. Then nothing has changed.
    pub fn restore(&mut self, state: &HashMap<String, Tensor>) -> Result<(), OptimError> {
        let find = |name: String| state.get(&name).ok_or(OptimError::Missing { name });
        let count = |name: &str| Ok::<_, OptimError>(find(name.to_owned())?.flatten_all()?.to_vec1::<i64>()?);
        let (steps, skipped) = (count("steps")?, count("skipped")?);
        let mut all = Vec::with_capacity(self.slots.len());
        for slot in &self.slots {
            let part = |moment: &str, part: &str, like: &[usize]| {
                let name = format!("{}.{moment}{part}", slot.name);
                let tensor = find(name.clone())?;
                check_shape(&name, tensor, like)?;
                Ok::<_, OptimError>(tensor.flatten_all()?)
            };
            let floats =
                |moment: &str| Ok::<_, OptimError>(part(moment, "", slot.var.dims())?.to_vec1::<f32>()?);
            let codes = |moment: &str, n: usize| {
                let codes = part(moment, CODES, &[n])?.to_vec1::<u8>()?;
                let scales = part(moment, SCALES, &[n.div_ceil(BLOCK)])?.to_vec1::<f32>()?;
                Ok::<_, OptimError>(Codes { codes, scales })
            };
            all.push(match &slot.moments {
                Moments::F32 { .. } => Moments::F32 { first: floats(FIRST)?, second: floats(SECOND)? },
                Moments::Blocks8 { first, .. } => {
                    let n = first.codes.len();
                    Moments::Blocks8 { first: codes(FIRST, n)?, second: codes(SECOND, n)? }
                }
            });
        }
        for (slot, moments) in self.slots.iter_mut().zip(all) {
            slot.moments = moments;
        }
        let number = |c: Vec<i64>| c.first().map_or(0, |&c| c.max(0) as usize);
        (self.steps, self.skipped) = (number(steps), number(skipped));
        Ok(())
    }
}
