//! One safetensors file, written as a stream and checked by reading slices of it back.

use super::SaveDtype;
use crate::PolicyError;
use crate::ops::half;
use serde_json::{Map, Value, json};
use std::borrow::Cow;
use std::fs::File;
use std::io::{BufWriter, Read, Seek, SeekFrom, Write};
use std::path::Path;

/// Numbers that are converted at once.
const CHUNK: usize = 1 << 16;
/// Bytes of one slice that is read back.
const SLICE: usize = 4096;

/// Calls its argument once with the values of a tensor.
pub(crate) type Reader<'a> = Box<dyn Fn(&mut dyn FnMut(&[f32])) -> Result<(), PolicyError> + 'a>;

/// A tensor to write.
pub struct Source<'a> {
    pub(crate) name: String,
    pub(crate) shape: Vec<usize>,
    pub(crate) data: Data<'a>,
}

/// The numbers of a tensor.
pub(crate) enum Data<'a> {
    /// Written as f32 or bf16.
    Floats(Reader<'a>),
    /// Written as they are, under this name of the format.
    Raw(&'static str, Cow<'a, [u8]>),
}

impl<'a> Source<'a> {
    /// f32 values in row-major order.
    pub fn floats(name: String, shape: &[usize], values: &'a [f32]) -> Self {
        let data = Data::Floats(Box::new(move |f| {
            f(values);
            Ok(())
        }));
        Self { name, shape: shape.to_vec(), data }
    }

    /// A list of bytes.
    pub fn bytes(name: String, values: &'a [u8]) -> Self {
        Self { name, shape: vec![values.len()], data: Data::Raw("U8", values.into()) }
    }

    /// A list of one integer.
    pub fn integer(name: String, value: i64) -> Self {
        Self { name, shape: vec![1], data: Data::Raw("I64", value.to_le_bytes().to_vec().into()) }
    }

    /// The name of its number format.
    fn kind(&self, dtype: SaveDtype) -> &'static str {
        match (&self.data, dtype) {
            (Data::Raw(kind, _), _) => kind,
            (Data::Floats(_), SaveDtype::F32) => "F32",
            (Data::Floats(_), SaveDtype::Bf16) => "BF16",
        }
    }

    /// Its size in a file.
    pub(crate) fn size(&self, dtype: SaveDtype) -> usize {
        match &self.data {
            Data::Raw(_, bytes) => bytes.len(),
            Data::Floats(_) => self.shape.iter().product::<usize>() * dtype.bytes(),
        }
    }

    /// Calls `f` with its bytes, piece by piece.
    fn pieces(&self, dtype: SaveDtype, f: &mut dyn FnMut(&[u8])) -> Result<(), PolicyError> {
        match &self.data {
            Data::Raw(_, bytes) => {
                f(bytes);
                Ok(())
            }
            Data::Floats(read) => read(&mut |values| {
                let mut bytes = Vec::new();
                for values in values.chunks(CHUNK) {
                    bytes.clear();
                    encode(values, dtype, &mut bytes);
                    f(&bytes);
                }
            }),
        }
    }

    /// Its bytes at these ranges, each of `take` bytes.
    fn slices(&self, dtype: SaveDtype, firsts: &[usize], take: usize) -> Result<Vec<Vec<u8>>, PolicyError> {
        match &self.data {
            Data::Raw(_, bytes) => Ok(firsts.iter().map(|&f| bytes[f..f + take].to_vec()).collect()),
            Data::Floats(read) => {
                let mut out = Vec::new();
                let width = dtype.bytes();
                read(&mut |values| {
                    for first in firsts {
                        let mut bytes = Vec::new();
                        encode(&values[first / width..][..take / width], dtype, &mut bytes);
                        out.push(bytes);
                    }
                })?;
                Ok(out)
            }
        }
    }
}

/// Appends the bytes of `values`.
fn encode(values: &[f32], dtype: SaveDtype, out: &mut Vec<u8>) {
    match dtype {
        SaveDtype::F32 => out.extend(values.iter().flat_map(|v| v.to_le_bytes())),
        SaveDtype::Bf16 => out.extend(values.iter().flat_map(|v| half::round(*v).to_le_bytes())),
    }
}

/// The header: `{"name": {"dtype", "shape", "data_offsets"}, ...}`, padded to a multiple of 8.
fn header(sources: &[Source], dtype: SaveDtype) -> Vec<u8> {
    let mut table = Map::new();
    // Some readers reject a file that does not name its framework.
    table.insert("__metadata__".into(), json!({"format": "pt"}));
    let mut at = 0;
    for source in sources {
        let end = at + source.size(dtype);
        let entry = json!({"dtype": source.kind(dtype), "shape": source.shape, "data_offsets": [at, end]});
        table.insert(source.name.clone(), entry);
        at = end;
    }
    let mut text = Value::Object(table).to_string().into_bytes();
    text.resize(text.len().next_multiple_of(8), b' ');
    text
}

/// Writes the tensors in their order, each in pieces.
///
/// # Errors
/// Errors of the file system, or of reading a tensor.
pub fn write_file(path: &Path, sources: &[Source], dtype: SaveDtype) -> Result<(), PolicyError> {
    let io = |e| PolicyError::io(path, e);
    let header = header(sources, dtype);
    let mut file = BufWriter::new(File::create(path).map_err(io)?);
    file.write_all(&(header.len() as u64).to_le_bytes()).map_err(io)?;
    file.write_all(&header).map_err(io)?;
    for source in sources {
        let mut written = Ok(());
        source.pieces(dtype, &mut |bytes| {
            if written.is_ok() {
                written = file.write_all(bytes);
            }
        })?;
        written.map_err(io)?;
    }
    file.flush().map_err(io)
}

/// Reads the header and slices from the beginning, the middle and the end of every tensor, and
/// compares them with what was to be written.
///
/// # Errors
/// A file that cannot be read or holds other values; the message names the tensor.
pub(super) fn verify(path: &Path, sources: &[Source], dtype: SaveDtype) -> Result<(), PolicyError> {
    let io = |e| PolicyError::io(path, e);
    let wrong = |what: &str| {
        PolicyError::corrupt(
            path,
            format!("{what} is not what was written; help: check the disk, then save again"),
        )
    };
    let mut file = File::open(path).map_err(io)?;
    let expected = header(sources, dtype);
    let mut found = vec![0; 8 + expected.len()];
    file.read_exact(&mut found).map_err(io)?;
    if found[..8] != (expected.len() as u64).to_le_bytes() || found[8..] != expected {
        return Err(wrong("the header"));
    }
    let mut start = found.len() as u64;
    for source in sources {
        let size = source.size(dtype);
        // A multiple of every number's width.
        let take = SLICE.min(size);
        let middle = (size - take) / 2 / 8 * 8;
        let firsts = [0, middle, size - take];
        for (first, ours) in firsts.iter().zip(source.slices(dtype, &firsts, take)?) {
            let mut theirs = vec![0; take];
            file.seek(SeekFrom::Start(start + *first as u64)).map_err(io)?;
            file.read_exact(&mut theirs).map_err(io)?;
            if ours != theirs {
                return Err(wrong(&format!("tensor `{}`", source.name)));
            }
        }
        start += size as u64;
    }
    match file.metadata().map_err(io)?.len() == start {
        true => Ok(()),
        false => Err(wrong("the length of the file")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn source(name: &str, values: Vec<f32>) -> Source<'static> {
        let shape = vec![values.len()];
        Source {
            name: name.into(),
            shape,
            data: Data::Floats(Box::new(move |f| {
                f(&values);
                Ok(())
            })),
        }
    }

    #[test]
    fn rounding_to_bf16_is_to_the_nearest_and_to_even() {
        let cases = [
            (1.0, 0x3f80),
            (f32::from_bits(0x3f80_8000), 0x3f80),
            (f32::from_bits(0x3f81_8000), 0x3f82),
            (f32::from_bits(0x3f80_8001), 0x3f81),
            (-2.5, 0xc020),
            (f32::INFINITY, 0x7f80),
        ];
        for (x, want) in cases {
            assert_eq!(half::round(x), want, "{x}");
        }
        assert!(f32::from_bits(u32::from(half::round(f32::from_bits(0x7f80_0001))) << 16).is_nan());
    }

    #[test]
    fn a_flipped_byte_is_found_by_the_name_of_its_tensor() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("x.safetensors");
        for dtype in [SaveDtype::F32, SaveDtype::Bf16] {
            let sources = [source("a", vec![1.0; 5000]), source("b", vec![-2.0; 3])];
            write_file(&path, &sources, dtype).unwrap();
            verify(&path, &sources, dtype).unwrap();
            let read = candle_core::safetensors::load(&path, &candle_core::Device::Cpu).unwrap();
            let b = read["b"].to_dtype(candle_core::DType::F32).unwrap().to_vec1::<f32>().unwrap();
            assert_eq!((b, read["a"].dims()), (vec![-2.0; 3], &[5000][..]));
            let mut bytes = std::fs::read(&path).unwrap();
            let last = bytes.len() - 1;
            bytes[last] ^= 1;
            std::fs::write(&path, &bytes).unwrap();
            let error = verify(&path, &sources, dtype).unwrap_err().to_string();
            assert!(error.contains("tensor `b` is not what was written"), "{error}");
            bytes.truncate(last);
            std::fs::write(&path, &bytes).unwrap();
            assert!(verify(&path, &sources, dtype).is_err());
        }
    }
}
