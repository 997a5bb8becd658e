//! The result files of the benchmark's own programs (docs/specs/chartmimic.md, 1.3), for tools that
//! read them.

use super::example::{Example, Metric};
use super::judge::Judged;
use crate::files;
use anyhow::{Context, Result};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

/// The folder of these files, and their common name: that of the file of responses.
pub struct Official {
    out: PathBuf,
    name: String,
    data: PathBuf,
}

impl Official {
    pub fn new(out: &Path, responses: &Path, data: &Path) -> Self {
        let name = responses.file_stem().map_or("responses".into(), |s| s.to_string_lossy().into_owned());
        Self { out: out.into(), name, data: data.into() }
    }

    /// `…_code4evaluation.json` and `direct_checker/count.json`. An example that the benchmark's
    /// program would lose (no response, no colour in its truth) has no line.
    pub fn write(&self, examples: &BTreeMap<String, Example>) -> Result<()> {
        let scored = examples.values().filter(|e| e.answered).filter_map(|e| Some((e, e.color?)));
        self.lines("code4evaluation", scored.map(|(e, color)| self.scored(e, color)))?;
        let checker = self.out.join(&self.name).join("direct_checker");
        files::make_folder(&checker)?;
        let count = |test: &dyn Fn(&Example) -> bool| examples.values().filter(|e| test(e)).count();
        let counts = json!({"py_files": count(&|e| e.code), "pdf_files": count(&|e| e.exec)});
        files::replace(&checker.join("count.json"), counts.to_string().as_bytes())
    }

    /// `…_gpt4v.json`, which the benchmark's notebook reads.
    pub fn write_judged(&self, judged: &[Judged]) -> Result<()> {
        let line = |j: &Judged| {
            let mut line = self.files(&j.name);
            line["gpt4v_score"] = j.score?.into();
            Some(line)
        };
        self.lines("gpt4v", judged.iter().filter_map(line))
    }

    fn scored(&self, e: &Example, color: Metric) -> Value {
        let mut line = self.files(&e.name);
        line["text_metrics"] = rounded(e.text);
        line["chart_type_metrics"] = rounded(e.chart_type);
        line["layout_metrics"] = rounded(e.layout);
        line["color_metrics"] = rounded(color);
        line
    }

    /// The columns by which lines are joined; `orginial` is the benchmark's spelling.
    fn files(&self, name: &str) -> Value {
        let generated = self.out.join(&self.name).join("direct").join(format!("{name}.py"));
        json!({
            "orginial": self.data.join(format!("{name}.py")).to_string_lossy(),
            "generated": generated.to_string_lossy(),
        })
    }

    fn lines(&self, what: &str, lines: impl Iterator<Item = Value>) -> Result<()> {
        let path = self.out.join(format!("{}_{what}.json", self.name));
        let beside = path.with_extension("json.part");
        let write = || -> std::io::Result<()> {
            let mut file = BufWriter::new(File::create(&beside)?);
            for line in lines {
                writeln!(file, "{line}")?;
            }
            file.flush()?;
            std::fs::rename(&beside, &path)
        };
        write().with_context(|| format!("cannot write `{}`", path.display()))
    }
}

/// Rounded to 10 decimals, as in the benchmark's files.
fn rounded(m: Metric) -> Value {
    let cut = |v: f64| (v * 1e10).round() / 1e10;
    json!({"precision": cut(m.precision), "recall": cut(m.recall), "f1": cut(m.f1)})
}
