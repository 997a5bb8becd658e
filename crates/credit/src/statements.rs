//! The statements of a source text, one file per language.

pub mod html;
pub mod python;

/// Byte offsets at which lines start; a line ends with LF, CR LF or CR.
struct LineStarts(Vec<usize>);

impl LineStarts {
    fn of(source: &str) -> Self {
        let bytes = source.as_bytes();
        let ends = (0..bytes.len())
            .filter(|&i| bytes[i] == b'\n' || (bytes[i] == b'\r' && bytes.get(i + 1) != Some(&b'\n')));
        Self(std::iter::once(0).chain(ends.map(|i| i + 1)).collect())
    }

    /// The line of a byte, from 1.
    fn line(&self, byte: usize) -> usize {
        self.0.partition_point(|&start| start <= byte)
    }
}
