//! Reads JSON configuration files. Every error names the file and the key.

use crate::PolicyError;
use serde_json::Value;
use std::path::{Path, PathBuf};

/// Reads the JSON file at `path`.
///
/// # Errors
/// A missing file, with `help` as the way to fix it; a file that is unreadable or not JSON.
pub(crate) fn read_json(path: &Path, help: &str) -> Result<Value, PolicyError> {
    if !path.is_file() {
        return Err(PolicyError::Missing { path: path.into(), help: help.into() });
    }
    let bytes = std::fs::read(path).map_err(|e| PolicyError::io(path, e))?;
    serde_json::from_slice(&bytes).map_err(|e| PolicyError::corrupt(path, e))
}

/// A JSON object with its path in the file, so that errors can name the key.
pub(crate) struct Node<'a> {
    pub value: &'a Value,
    key: String,
    path: PathBuf,
}

impl<'a> Node<'a> {
    /// The whole file.
    pub fn root(value: &'a Value, path: &Path) -> Self {
        Self { value, key: String::new(), path: path.to_path_buf() }
    }

    /// An error about `key`.
    pub fn wrong(&self, key: &str, message: impl ToString) -> PolicyError {
        PolicyError::Config { path: self.path.clone(), key: self.name(key), message: message.to_string() }
    }

    fn name(&self, key: &str) -> String {
        if self.key.is_empty() { key.to_string() } else { format!("{}.{key}", self.key) }
    }

    fn get(&self, key: &str) -> Result<&'a Value, PolicyError> {
        self.value.get(key).ok_or_else(|| self.wrong(key, "is missing"))
    }

    /// The object at `key`, if there is one.
    pub fn optional(&self, key: &str) -> Option<Node<'a>> {
        let value = self.value.get(key).filter(|v| v.is_object())?;
        Some(Node { value, key: self.name(key), path: self.path.clone() })
    }

    pub fn child(&self, key: &str) -> Result<Node<'a>, PolicyError> {
        self.get(key)?;
        self.optional(key).ok_or_else(|| self.wrong(key, "is not an object"))
    }

    pub fn usize(&self, key: &str) -> Result<usize, PolicyError> {
        let n = self.get(key)?.as_u64().ok_or_else(|| self.wrong(key, "is not a whole number"))?;
        usize::try_from(n).map_err(|_| self.wrong(key, "is too large"))
    }

    pub fn id(&self, key: &str) -> Result<u32, PolicyError> {
        u32::try_from(self.usize(key)?).map_err(|_| self.wrong(key, "is not a token id"))
    }

    /// True or false; false if absent.
    pub fn flag(&self, key: &str) -> Result<bool, PolicyError> {
        let value =
            self.value.get(key).map(|v| v.as_bool().ok_or_else(|| self.wrong(key, "is not true or false")));
        value.unwrap_or(Ok(false))
    }

    pub fn f64(&self, key: &str) -> Result<f64, PolicyError> {
        self.get(key)?.as_f64().ok_or_else(|| self.wrong(key, "is not a number"))
    }

    pub fn usizes(&self, key: &str) -> Result<Vec<usize>, PolicyError> {
        let items = self.get(key)?.as_array();
        items
            .and_then(|a| a.iter().map(|v| v.as_u64().and_then(|n| usize::try_from(n).ok())).collect())
            .ok_or_else(|| self.wrong(key, "is not a list of whole numbers"))
    }

    /// Returns an error if `key` is present with another value than the only implemented one.
    pub fn only(&self, key: &str, wanted: &Value) -> Result<(), PolicyError> {
        let same = |v: &Value| v == wanted || (v.as_f64().is_some() && v.as_f64() == wanted.as_f64());
        match self.value.get(key) {
            Some(v) if !same(v) => Err(self.wrong(key, format!("is {v}; only {wanted} is supported"))),
            _ => Ok(()),
        }
    }
}
