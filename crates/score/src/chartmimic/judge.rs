//! High: a vision-language model scores both pictures (docs/specs/chartmimic.md, 9). Only examples
//! whose bare script ran are judged, because only they count; white pictures and scripts without a
//! picture count 0 without a call.
//!
//! A prediction is drawn by our own renderer at 350 dpi, the benchmark's; one that is too large for
//! it at the dpi of its script. The first judge gives the row's High. Further judges are
//! reported with their agreement.

pub(crate) mod pictures;
mod prompt;
mod reply;

use super::example::Example;
use crate::endpoint::client::{Client, Lack, Reply, Settings, short};
use crate::files::{self, hash_bytes};
use crate::report::Reporter;
use anyhow::{Context, Result, bail};
use pictures::Pair;
pub use pictures::{Pictures, renderer};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use vsdpo_render::spread;
use vsdpo_stats::{Agreement, Estimate, agreement, bootstrap};

/// Failed pairs that an error lists.
const LISTED: usize = 10;

/// The judges and how they are asked.
#[derive(Clone, Debug)]
pub struct JudgeConfig {
    /// An OpenAI-compatible server, such as http://127.0.0.1:8000/v1.
    pub url: String,
    /// The models that judge; the first one makes the row's High.
    pub models: Vec<String>,
    /// The environment variable that holds the key.
    pub key_env: Option<String>,
    /// Calls at most in this run, retries included.
    pub budget: u64,
    /// Tries for each pair.
    pub tries: u32,
    /// Seconds before the second try; each further wait is twice as long.
    pub wait: f64,
    /// Pairs that are judged at the same time.
    pub parallel: u16,
    /// Seconds that a call may take.
    pub timeout: u64,
}

/// The judges.
pub struct Panel {
    client: Client,
    models: Vec<String>,
    parallel: usize,
}

/// The folders of replies and results.
pub struct Places<'a> {
    pub out: &'a Path,
    pub cache: &'a Path,
}

/// One judge's score of one example.
#[derive(Clone, Debug, Serialize)]
pub struct Judged {
    pub name: String,
    pub model: String,
    /// 0 to 100; `None` is an error, not 0.
    pub score: Option<u32>,
    /// `call`, `cache`, or why no call was needed: `white`, `no picture`.
    pub source: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reply: Option<String>,
}

/// The row of one judge.
#[derive(Serialize)]
pub struct Opinion {
    pub model: String,
    /// Over the judged pairs alone, which is not High.
    pub mean_of_judged: Estimate,
    pub scored: usize,
    /// Among `scored`, those that count 0 without a call.
    pub without_call: usize,
    pub errors: usize,
}

#[derive(Serialize)]
pub struct Pairing {
    pub models: [String; 2],
    #[serde(flatten)]
    pub agreement: Agreement,
}

/// The scores of all judges.
#[derive(Serialize)]
pub struct Judgement {
    pub calls: u64,
    pub judges: Vec<Opinion>,
    /// Every two judges, over the pairs that both scored.
    pub agreement: Vec<Pairing>,
    /// Pairs without a score.
    pub errors: Vec<Judged>,
    /// The first judge's rows, by example.
    #[serde(skip)]
    pub rows: Vec<Judged>,
    #[serde(skip)]
    first: BTreeMap<String, f64>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    score: u32,
    reply: String,
}

impl JudgeConfig {
    /// The client that asks the judges.
    ///
    /// # Errors
    /// Returns an error for values that cannot be used, with the option that sets them.
    pub(crate) fn client(&self) -> Result<Client> {
        if !(self.wait.is_finite() && (0.0..=600.0).contains(&self.wait)) {
            bail!("--judge-wait {} is not a valid wait; help: give seconds from 0 to 600", self.wait);
        }
        for (i, model) in self.models.iter().enumerate() {
            if self.models[..i].contains(model) {
                bail!("--judge-model `{model}` is given twice; help: name each judge once");
            }
        }
        Client::new(&Settings {
            url: &self.url,
            key_env: self.key_env.as_deref(),
            options: ["--judge-url", "--judge-key-env"],
            tries: self.tries,
            wait: Duration::from_secs_f64(self.wait),
            budget: self.budget,
            timeout: Duration::from_secs(self.timeout),
        })
    }
}

impl Panel {
    /// The judges of a configuration.
    ///
    /// # Errors
    /// As [`JudgeConfig::client`].
    pub fn new(config: &JudgeConfig) -> Result<Self> {
        let client = config.client()?;
        Ok(Self { client, models: config.models.clone(), parallel: config.parallel.into() })
    }

    /// Every judge on every example that ran; rows go to `judged.jsonl` as they come.
    pub fn judge(
        &self,
        pictures: &Pictures<'_>,
        examples: &BTreeMap<String, Example>,
        places: &Places<'_>,
        reporter: &dyn Reporter,
    ) -> Result<Judgement> {
        let replies = places.cache.join("judge");
        files::make_folder(&replies)?;
        let path = places.out.join("judged.jsonl");
        let wrong = || format!("cannot write `{}`", path.display());
        let file = Mutex::new(File::create(&path).with_context(wrong)?);
        let names: Vec<&String> = examples.values().filter(|e| e.exec).map(|e| &e.name).collect();
        let mut all = self.each(&names, reporter, |name| {
            let rows = self.opinions(name, &pictures.pair(name)?, &replies)?;
            write(&file, &rows).with_context(wrong)?;
            Ok(rows)
        })?;
        all.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(self.summed_up(all))
    }

    /// Judges several examples at the same time; the first error of this program stops the run.
    fn each(
        &self,
        names: &[&String],
        reporter: &dyn Reporter,
        judge: impl Fn(&str) -> Result<Vec<Judged>> + Sync,
    ) -> Result<Vec<Judged>> {
        reporter.begin("judging", names.len() as u64);
        let judged = spread(self.parallel, names.len(), |i| {
            let rows = judge(names[i]);
            reporter.advance();
            rows
        });
        reporter.end();
        Ok(judged?.concat())
    }

    fn opinions(&self, name: &str, pair: &Pair, replies: &Path) -> Result<Vec<Judged>> {
        self.models.iter().map(|model| self.opinion(name, model, pair, replies)).collect()
    }

    fn opinion(&self, name: &str, model: &str, pair: &Pair, replies: &Path) -> Result<Judged> {
        let row = |score, source, error, reply| Judged {
            name: name.into(),
            model: model.into(),
            score,
            source,
            error,
            reply,
        };
        let (reference, prediction) = match pair {
            Pair::Judge { reference, prediction } => (reference, prediction),
            Pair::Zero { source, why } => return Ok(row(Some(0), *source, why.clone(), None)),
        };
        let key = hash_bytes(&[prompt::identity().as_bytes(), model.as_bytes(), reference, prediction]);
        let path: PathBuf = replies.join(format!("{key}.json"));
        let known = std::fs::read(&path).ok().and_then(|b| serde_json::from_slice::<Stored>(&b).ok());
        if let Some(Stored { score, reply }) = known {
            return Ok(row(Some(score), "cache", None, Some(reply)));
        }
        let score = |reply: &Reply| {
            reply::score(&reply.text)
                .ok_or_else(|| format!("the reply holds no score: {}", short(&reply.text)))
        };
        match self.client.ask(&prompt::request(model, reference, prediction), score) {
            Ok((Reply { text: reply, .. }, score)) => {
                files::replace(&path, &serde_json::to_vec(&Stored { score, reply: reply.clone() })?)?;
                Ok(row(Some(score), "call", None, Some(reply)))
            }
            Err(Lack::Failed(why)) => Ok(row(None, "call", Some(why), None)),
            Err(Lack::NotAsked(why)) => Ok(row(None, "not asked", Some(why.into()), None)),
        }
    }

    fn summed_up(&self, all: Vec<Judged>) -> Judgement {
        let of = |model: &String| all.iter().filter(move |j| j.model == *model).collect::<Vec<_>>();
        let opinion = |model: &String| {
            let rows = of(model);
            let scores: Vec<f64> = rows.iter().filter_map(|j| j.score.map(f64::from)).collect();
            Opinion {
                model: model.clone(),
                mean_of_judged: bootstrap(&scores, 1),
                scored: scores.len(),
                without_call: rows.iter().filter(|j| j.score.is_some() && j.reply.is_none()).count(),
                errors: rows.len() - scores.len(),
            }
        };
        let scored_by_call = |model: &String| -> BTreeMap<&String, f64> {
            of(model)
                .iter()
                .filter(|j| j.reply.is_some())
                .filter_map(|j| Some((&j.name, j.score?.into())))
                .collect()
        };
        let mut pairings = Vec::new();
        for (i, a) in self.models.iter().enumerate() {
            for b in &self.models[i + 1..] {
                let (left, right) = (scored_by_call(a), scored_by_call(b));
                let both: Vec<(f64, f64)> =
                    left.iter().filter_map(|(n, x)| Some((*x, *right.get(n)?))).collect();
                pairings.push(Pairing { models: [a.clone(), b.clone()], agreement: agreement(&both) });
            }
        }
        let first =
            of(&self.models[0]).iter().filter_map(|j| Some((j.name.clone(), j.score?.into()))).collect();
        Judgement {
            calls: self.client.spent(),
            judges: self.models.iter().map(opinion).collect(),
            agreement: pairings,
            rows: of(&self.models[0]).into_iter().cloned().collect(),
            first,
            errors: all.into_iter().filter(|j| j.score.is_none()).collect(),
        }
    }
}

fn write(file: &Mutex<File>, rows: &[Judged]) -> Result<()> {
    let lines = rows.iter().map(|row| Ok(serde_json::to_string(row)? + "\n")).collect::<Result<String>>()?;
    Ok(file.lock().unwrap_or_else(PoisonError::into_inner).write_all(lines.as_bytes())?)
}

impl Judgement {
    /// The first judge's scores by example, if it gave all of them.
    pub fn high(&self) -> Option<BTreeMap<String, f64>> {
        self.judges.first().is_some_and(|j| j.errors == 0).then(|| self.first.clone())
    }

    /// Why there is no High.
    pub fn lack(&self) -> String {
        let first = self.judges.first();
        let (errors, scored) = first.map_or((0, 0), |j| (j.errors, j.scored));
        format!("the judge gave no score for {errors} of {} examples", errors + scored)
    }

    /// An error that lists the pairs without a score, if there are any.
    pub fn complete(&self) -> Result<()> {
        if self.errors.is_empty() {
            return Ok(());
        }
        let show =
            |j: &Judged| format!("{} by {}: {}", j.name, j.model, j.error.as_deref().unwrap_or("no score"));
        let list: Vec<String> = self.errors.iter().take(LISTED).map(show).collect();
        let more = self.errors.len().saturating_sub(LISTED);
        let more = if more > 0 { format!("; and {more} more in judged.jsonl") } else { String::new() };
        let count = self.errors.len();
        bail!(
            "{count} judgements are missing: {}{more}; help: run the same command again to ask for these only",
            list.join("; ")
        )
    }

    /// A line per judge and per two judges.
    pub fn table(&self) -> String {
        let mut text = format!("\njudges ({} calls)\n", self.calls);
        for j in &self.judges {
            let e = j.mean_of_judged;
            text.push_str(&format!(
                "  {}: {} scored ({} of them 0 without a call), {} errors, mean {:.1} [{:.1}, {:.1}]\n",
                crate::report::clean_line(&j.model),
                j.scored,
                j.without_call,
                j.errors,
                e.mean,
                e.low,
                e.high
            ));
        }
        for p in &self.agreement {
            let show = |v: Option<f64>| v.map_or("-".into(), |v| format!("{v:.3}"));
            let [a, b] = p.models.each_ref().map(|m| crate::report::clean_line(m));
            let (rank, diff) = (show(p.agreement.spearman), show(p.agreement.mean_abs_diff));
            let count = p.agreement.count;
            text.push_str(&format!(
                "  {a} and {b}: Spearman {rank}, mean absolute difference {diff} over {count}\n"
            ));
        }
        text
    }
}
