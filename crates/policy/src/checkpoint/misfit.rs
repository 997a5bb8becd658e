//! Tensors of a folder that do not fit its configuration, all in one message.

use crate::PolicyError;
use std::path::Path;

/// What does not fit, by name.
#[derive(Default)]
pub(crate) struct Misfits {
    pub missing: Vec<String>,
    /// Saving would lose them.
    pub surplus: Vec<String>,
    /// With the shape in the file and the one that follows from the configuration.
    pub misshapen: Vec<(String, Vec<usize>, Vec<usize>)>,
    /// With the unsupported number format.
    pub types: Vec<(String, String)>,
}

impl Misfits {
    /// Returns an error that names every misfit with the file `config`, if there is one.
    pub fn none(self, path: &Path, config: &str) -> Result<(), PolicyError> {
        let mut found: Vec<(String, String)> = Vec::new();
        found.extend(self.missing.into_iter().map(|n| (n, "missing".to_string())));
        let surplus = format!("not part of the model that {config} describes");
        found.extend(self.surplus.into_iter().map(|n| (n, surplus.clone())));
        let shape = |(n, found, wanted)| (n, format!("{found:?}, but {config} requires {wanted:?}"));
        found.extend(self.misshapen.into_iter().map(shape));
        let format = |(n, format)| (n, format!("{format}; only F32, BF16 and F16 are supported"));
        found.extend(self.types.into_iter().map(format));
        if found.is_empty() {
            return Ok(());
        }
        let misfits = grouped(&found).join("; ");
        Err(PolicyError::Tensors { path: path.into(), misfits, config: config.to_owned() })
    }
}

/// One phrase for every misfit, and one for all layers that share it: `layers.{0..27}.norm` stands
/// for 28 tensors.
fn grouped(found: &[(String, String)]) -> Vec<String> {
    let mut groups: Vec<(String, String, &str, Vec<usize>)> = Vec::new();
    for (name, what) in found {
        let (before, number, after) = split(name);
        let same = |g: &&mut (String, String, &str, Vec<usize>)| {
            g.0 == before && g.1 == after && g.2 == what && number.is_some() && !g.3.is_empty()
        };
        match groups.iter_mut().find(same) {
            Some(group) => group.3.extend(number),
            None => groups.push((before, after, what, number.into_iter().collect())),
        }
    }
    let phrase = |(before, after, what, mut numbers): (String, String, &str, Vec<usize>)| {
        numbers.sort_unstable();
        let (first, last) = (numbers.first().copied(), numbers.last().copied());
        let range = match (first, last) {
            (Some(a), Some(b)) if a == b => a.to_string(),
            (Some(a), Some(b)) if b - a + 1 == numbers.len() => format!("{{{a}..{b}}}"),
            _ => numbers.iter().map(usize::to_string).collect::<Vec<_>>().join(","),
        };
        let word = if what.starts_with('[') { "has shape" } else { "is" };
        format!("tensor `{before}{range}{after}` {word} {what}")
    };
    groups.into_iter().map(phrase).collect()
}

/// A name around its first number between dots.
fn split(name: &str) -> (String, Option<usize>, String) {
    let mut at = 0;
    for part in name.split('.') {
        if let Ok(number) = part.parse::<usize>() {
            return (name[..at].to_string(), Some(number), name[at + part.len()..].to_string());
        }
        at += part.len() + 1;
    }
    (name.to_string(), None, String::new())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_misfit_is_named_and_layers_are_joined() {
        let missing = ["a.0.w", "a.1.w", "a.2.w", "b.3.w", "b.7.w", "head"].map(String::from).to_vec();
        let misfits = Misfits {
            missing,
            surplus: vec!["extra.weight".into()],
            misshapen: vec![("a.5.v".into(), vec![2, 3], vec![2, 4])],
            types: vec![("q".into(), "I8".into())],
        };
        let message = misfits.none(Path::new("m"), "config.json").unwrap_err().to_string();
        assert_eq!(
            message,
            "m: tensor `a.{0..2}.w` is missing; tensor `b.3,7.w` is missing; tensor `head` is missing; \
             tensor `extra.weight` is not part of the model that config.json describes; \
             tensor `a.5.v` has shape [2, 3], but config.json requires [2, 4]; \
             tensor `q` is I8; only F32, BF16 and F16 are supported; \
             help: use the config.json that belongs to these weights"
        );
        assert!(Misfits::default().none(Path::new("m"), "config.json").is_ok());
    }
}
