//! Row lookup in a table; the gradient is a scatter-add.

use super::host;
use super::weight::{self, Matrix};
use candle_core::{CpuStorage, CustomOp1, Layout, Result, Shape, Tensor, bail};

const NAME: &str = "embedding";

/// Rows `ids` of `w` `[V, c]`, as `[ids.len(), c]`. Backward adds each output row's gradient to
/// the row of its id; a bf16 table is frozen and has no gradient.
///
/// # Errors
/// If an id is not below V, or the table is not contiguous f32 on the CPU.
pub fn embedding<'a>(w: impl Into<Matrix<'a>>, ids: &[u32]) -> Result<Tensor> {
    match w.into() {
        Matrix::Full(w) => {
            host::check(NAME, &[w])?;
            w.apply_op1(Embedding { ids: ids.to_vec() })
        }
        Matrix::Half(w) => weight::lookup(w, ids),
    }
}

struct Embedding {
    ids: Vec<u32>,
}

impl CustomOp1 for Embedding {
    fn name(&self) -> &'static str {
        NAME
    }

    fn cpu_fwd(&self, w: &CpuStorage, wl: &Layout) -> Result<(CpuStorage, Shape)> {
        let &[rows, c] = wl.dims() else { bail!("{NAME}: table {:?} is not [V, c]", wl.dims()) };
        let table = host::slice(NAME, w, wl)?;
        let mut out = Vec::with_capacity(self.ids.len() * c);
        for &id in &self.ids {
            let id = id as usize;
            if id >= rows {
                bail!("{NAME}: id {id} is outside the table of {rows} rows");
            }
            out.extend_from_slice(&table[id * c..(id + 1) * c]);
        }
        Ok(host::stored(out, &Shape::from((self.ids.len(), c))))
    }

    fn bwd(&self, w: &Tensor, _: &Tensor, grad: &Tensor) -> Result<Option<Tensor>> {
        let c = w.dim(1)?;
        let mut dw = vec![0.0; w.elem_count()];
        host::with_slices(NAME, [grad], |[g]| {
            for (row, &id) in g.chunks_exact(c.max(1)).zip(&self.ids) {
                let at = id as usize * c;
                super::simd::axpy(1.0, row, &mut dw[at..at + c]);
            }
            Ok(())
        })?;
        Ok(Some(host::tensor(dw, w.shape())?))
    }
}
