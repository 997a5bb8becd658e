//! A judge compares the pictures of every two inputs, item by item, twice with the positions
//! swapped. A preference counts only if both replies name the same picture; otherwise the item is a
//! tie. Preferences become win rates and Bradley-Terry abilities.

use super::prompt::{self, Pick, Question};
use super::{Input, PictureSource, Renderers, SEED, Shown, label};
use crate::chartmimic::JudgeConfig;
use crate::endpoint::client::{Client, Lack, Reply};
use crate::files::{self, hash_bytes};
use crate::report::Reporter;
use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use vsdpo_render::{RenderConfig, spread};
use vsdpo_stats::bradley_terry::{Game, bradley_terry};
use vsdpo_stats::paired::sign_flip;
use vsdpo_stats::{Estimate, bootstrap};

/// Failed calls that an error lists.
const LISTED: usize = 5;

/// Which of two pictures is better.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Better {
    /// That of the first input.
    A,
    /// That of the other one.
    B,
    /// Neither, or the replies disagree.
    Tie,
}

/// Why an item has no preference.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub enum Gap {
    /// Only the other input has a picture.
    #[serde(rename = "no picture of a")]
    NoPictureOfA,
    /// Only the first input has a picture.
    #[serde(rename = "no picture of b")]
    NoPictureOfB,
    /// Neither has a picture.
    #[serde(rename = "no picture of either")]
    NoPicture,
    /// A reply does not end with A, B or TIE.
    #[serde(rename = "unreadable reply")]
    Unreadable,
    /// A call failed, or was not made.
    #[serde(rename = "no reply")]
    NoReply,
}

/// One item judged by one model.
#[derive(Clone, Debug, Serialize)]
pub struct Vote {
    /// The item.
    pub id: String,
    /// The first input's label.
    pub a: char,
    /// The other input's label.
    pub b: char,
    /// The preference.
    pub better: Option<Better>,
    /// The replies: to the first input's picture as A, and to it as B. Empty for pictures that are
    /// equal, which are a tie without a call.
    pub replies: Vec<Pick>,
    /// Why there is no preference.
    pub left_out: Option<Gap>,
    /// The same in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
}

/// Two inputs by one judge.
#[derive(Serialize)]
pub struct JudgedPair {
    /// The first input's label.
    pub a: char,
    /// The other input's label.
    pub b: char,
    /// Items with a preference or a tie.
    pub judged: usize,
    /// Items on which b is better.
    pub wins: usize,
    /// Items on which neither is.
    pub ties: usize,
    /// Items on which a is better.
    pub losses: usize,
    /// Among `ties`, equal pictures.
    pub equal_pictures: usize,
    /// Share of wins of b, ties as a half; `None` if no item was judged.
    pub win_rate: Option<Estimate>,
    /// Two-sided p of the sign-flip test; `None` if no item was judged.
    pub p: Option<f64>,
    /// Share of the items with calls on which swapping the positions changed the preference.
    pub position_changed: Option<f64>,
    /// Share of the replies with a preference that name the first picture; 0.5 without bias.
    pub first_preferred: Option<f64>,
    /// Items without a preference, by the reason.
    pub left_out: BTreeMap<Gap, usize>,
}

/// The Bradley-Terry ability of an input, in natural logarithms.
#[derive(Serialize)]
pub struct Ability {
    /// The input.
    pub label: char,
    /// The ability; 0 for the first input.
    pub ability: Estimate,
}

/// The results of one judge.
#[derive(Serialize)]
pub struct JudgeResult {
    /// The judge.
    pub model: String,
    /// Every two inputs.
    pub pairs: Vec<JudgedPair>,
    /// The abilities; empty if an input was never judged.
    pub abilities: Vec<Ability>,
    /// Every item.
    pub votes: Vec<Vote>,
}

/// The results of all judges.
#[derive(Serialize)]
pub struct Judges {
    /// Calls in this run; known replies are not asked for again.
    pub calls: u64,
    /// The results.
    pub models: Vec<JudgeResult>,
}

/// How pictures are drawn, and where replies are kept.
pub struct JudgeSetup<'a> {
    /// How code is rendered.
    pub rendering: RenderConfig,
    /// The folder of caches.
    pub cache: &'a Path,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    reply: String,
}

struct PictureJudge<'a> {
    client: Client,
    models: &'a [String],
    replies: PathBuf,
    sources: Vec<Box<dyn PictureSource + 'a>>,
}

/// Asks each judge about every two inputs on the items that both have.
///
/// # Errors
/// Returns an error for settings that cannot be used, files that cannot be read, and if the
/// renderer itself fails. Calls that fail are counted in the result.
pub fn judge(
    inputs: &[Input],
    config: &JudgeConfig,
    setup: JudgeSetup,
    reporter: &dyn Reporter,
) -> Result<Judges> {
    let client = config.client()?;
    let mut renderers = Renderers { config: setup.rendering, started: BTreeMap::new() };
    let sources = inputs.iter().map(|i| i.pictures(&mut renderers)).collect::<Result<_>>()?;
    let replies = setup.cache.join("judge");
    files::make_folder(&replies)?;
    let judge = PictureJudge { client, models: &config.models, replies, sources };
    let mut holders: BTreeMap<&String, Vec<usize>> = BTreeMap::new();
    for (i, input) in inputs.iter().enumerate() {
        input.items.rows.keys().for_each(|id| holders.entry(id).or_default().push(i));
    }
    let items: Vec<(&String, Vec<usize>)> = holders.into_iter().filter(|(_, of)| of.len() > 1).collect();
    reporter.begin("judging", items.len() as u64);
    let votes = spread(config.parallel.into(), items.len(), |i| {
        let votes = judge.item(items[i].0, &items[i].1);
        reporter.advance();
        votes
    });
    reporter.end();
    let votes = votes?;
    let of = |(m, model): (usize, &String)| {
        let items: Vec<&[Vote]> = votes.iter().map(|of_models| &of_models[m][..]).collect();
        judgement(model, inputs.len(), &items)
    };
    let models = config.models.iter().enumerate().map(of).collect();
    Ok(Judges { calls: judge.client.spent(), models })
}

impl PictureJudge<'_> {
    /// The votes of each model on one item.
    fn item(&self, id: &str, holders: &[usize]) -> Result<Vec<Vec<Vote>>> {
        let shown: Vec<Shown> = holders.iter().map(|i| self.sources[*i].shown(id)).collect::<Result<_>>()?;
        let task = shown.iter().find_map(|s| s.task.as_deref());
        let reference = shown.iter().find_map(|s| s.reference.as_deref());
        let question = Question { task, reference, first: &[], second: &[] };
        let votes = |model: &String| {
            let mut votes = Vec::new();
            for (i, a) in holders.iter().enumerate() {
                for (j, b) in holders.iter().enumerate().skip(i + 1) {
                    let pictures = [&shown[i].picture, &shown[j].picture];
                    let vote = self.vote(model, &question, pictures)?;
                    votes.push(Vote { id: id.to_owned(), a: label(*a), b: label(*b), ..vote });
                }
            }
            Ok(votes)
        };
        self.models.iter().map(votes).collect()
    }

    /// The vote on two pictures, without names.
    fn vote(
        &self,
        model: &str,
        question: &Question,
        pictures: [&Result<Vec<u8>, String>; 2],
    ) -> Result<Vote> {
        let vote = |better, replies, gap: Option<(Gap, String)>| {
            let (left_out, why) = gap.unzip();
            Vote { id: String::new(), a: ' ', b: ' ', better, replies, left_out, why }
        };
        let (a, b) = match pictures {
            [Ok(a), Ok(b)] => (a, b),
            [Err(why), Ok(_)] => return Ok(vote(None, Vec::new(), Some((Gap::NoPictureOfA, why.clone())))),
            [Ok(_), Err(why)] => return Ok(vote(None, Vec::new(), Some((Gap::NoPictureOfB, why.clone())))),
            [Err(why), Err(_)] => return Ok(vote(None, Vec::new(), Some((Gap::NoPicture, why.clone())))),
        };
        if a == b {
            return Ok(vote(Some(Better::Tie), Vec::new(), None));
        }
        let mut picks = Vec::new();
        for (first, second) in [(a, b), (b, a)] {
            match self.ask(model, &Question { first, second, ..*question })? {
                Ok(pick) => picks.push(pick),
                Err(gap) => return Ok(vote(None, picks, Some(gap))),
            }
        }
        Ok(vote(Some(preference(&picks)), picks, None))
    }

    /// The reply to one question. Replies that name no picture are not kept, so that the next run
    /// asks again.
    fn ask(&self, model: &str, question: &Question) -> Result<Result<Pick, (Gap, String)>> {
        let reference = question.reference.unwrap_or_default();
        let task = question.task.unwrap_or_default().as_bytes();
        let (first, second) = (question.first, question.second);
        let identity = prompt::identity();
        let key = hash_bytes(&[identity.as_bytes(), model.as_bytes(), task, reference, first, second]);
        let path = self.replies.join(format!("{key}.json"));
        let known = std::fs::read(&path).ok().and_then(|b| serde_json::from_slice::<Stored>(&b).ok());
        if let Some(pick) = known.and_then(|stored| prompt::pick(&stored.reply)) {
            return Ok(Ok(pick));
        }
        let picked = |reply: &Reply| match reply.text.as_str() {
            "" => Err("the reply is empty".to_owned()),
            text => Ok(prompt::pick(text)),
        };
        match self.client.ask(&prompt::request(model, question), picked) {
            Ok((Reply { text: reply, .. }, Some(pick))) => {
                files::replace(&path, &serde_json::to_vec(&Stored { reply })?)?;
                Ok(Ok(pick))
            }
            Ok((reply, None)) => Ok(Err((Gap::Unreadable, reply.text))),
            Err(Lack::Failed(why)) => Ok(Err((Gap::NoReply, why))),
            Err(Lack::NotAsked(why)) => Ok(Err((Gap::NoReply, why.into()))),
        }
    }
}

/// The preference of two replies, in the second of which the positions are swapped.
fn preference(picks: &[Pick]) -> Better {
    match picks {
        [Pick::First, Pick::Second] => Better::A,
        [Pick::Second, Pick::First] => Better::B,
        _ => Better::Tie,
    }
}

/// Sums up the votes of one model on each item.
fn judgement(model: &str, inputs: usize, items: &[&[Vote]]) -> JudgeResult {
    let votes: Vec<Vote> = items.concat();
    let mut pairs = Vec::new();
    for a in (0..inputs).map(label) {
        for b in (0..inputs).map(label).filter(|b| *b > a) {
            let of: Vec<&Vote> = votes.iter().filter(|v| (v.a, v.b) == (a, b)).collect();
            pairs.push(pair(a, b, &of));
        }
    }
    let number = |of: char| (0..inputs).position(|i| label(i) == of);
    let game = |v: &Vote| {
        let score = 1.0 - share_of_b(v.better?);
        Some(Game { first: number(v.a)?, second: number(v.b)?, score })
    };
    let games: Vec<Vec<Game>> = items.iter().map(|votes| votes.iter().filter_map(game).collect()).collect();
    let played = |i: usize| games.iter().flatten().any(|g| g.first == i || g.second == i);
    let abilities = match (0..inputs).all(played) {
        true => bradley_terry(&games, inputs, SEED),
        false => Vec::new(),
    };
    let ability = |(i, ability)| Ability { label: label(i), ability };
    let abilities = abilities.into_iter().enumerate().map(ability).collect();
    JudgeResult { model: model.to_owned(), pairs, abilities, votes }
}

/// What a preference is worth for b.
fn share_of_b(better: Better) -> f64 {
    match better {
        Better::A => 0.0,
        Better::Tie => 0.5,
        Better::B => 1.0,
    }
}

fn pair(a: char, b: char, votes: &[&Vote]) -> JudgedPair {
    let shares: Vec<f64> = votes.iter().filter_map(|v| v.better).map(share_of_b).collect();
    let signs: Vec<f64> = shares.iter().map(|s| 2.0 * s - 1.0).collect();
    let count = |of: Better| votes.iter().filter(|v| v.better == Some(of)).count();
    let asked: Vec<&Vote> = votes.iter().filter(|v| v.replies.len() == 2).copied().collect();
    let changed = |v: &&&Vote| v.better == Some(Better::Tie) && v.replies != [Pick::Tie, Pick::Tie];
    let preferred: Vec<Pick> =
        asked.iter().flat_map(|v| v.replies.clone()).filter(|p| *p != Pick::Tie).collect();
    let share = |part: usize, of: usize| (of > 0).then(|| part as f64 / of as f64);
    let mut left_out = BTreeMap::new();
    votes.iter().filter_map(|v| v.left_out).for_each(|gap| *left_out.entry(gap).or_default() += 1);
    JudgedPair {
        a,
        b,
        judged: shares.len(),
        wins: count(Better::B),
        ties: count(Better::Tie),
        losses: count(Better::A),
        equal_pictures: votes.iter().filter(|v| v.better.is_some() && v.replies.is_empty()).count(),
        win_rate: (!shares.is_empty()).then(|| bootstrap(&shares, SEED)),
        p: (!shares.is_empty()).then(|| sign_flip(&signs, SEED)),
        position_changed: share(asked.iter().filter(changed).count(), asked.len()),
        first_preferred: share(preferred.iter().filter(|p| **p == Pick::First).count(), preferred.len()),
        left_out,
    }
}

impl Judges {
    /// Returns an error that lists items without a reply, if there are any.
    ///
    /// # Errors
    /// See above.
    pub fn complete(&self) -> Result<()> {
        let missing = |v: &&Vote| v.left_out == Some(Gap::NoReply);
        let missing: Vec<&Vote> = self.models.iter().flat_map(|m| &m.votes).filter(missing).collect();
        if missing.is_empty() {
            return Ok(());
        }
        let show =
            |v: &&Vote| format!("{} ({} and {}): {}", v.id, v.a, v.b, v.why.as_deref().unwrap_or_default());
        let list: Vec<String> = missing.iter().take(LISTED).map(show).collect();
        let more = missing.len().saturating_sub(LISTED);
        let more = if more > 0 { format!("; and {more} more") } else { String::new() };
        bail!(
            "{} judgements are missing: {}{more}; help: run the same command again to ask for these only",
            missing.len(),
            list.join("; ")
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vote(id: &str, pair: [char; 2], replies: &[Pick]) -> Vote {
        let better = Some(if replies.is_empty() { Better::Tie } else { preference(replies) });
        let [a, b] = pair;
        Vote { id: id.into(), a, b, better, replies: replies.into(), left_out: None, why: None }
    }

    /// Five items: b wins two, a wins one, one reply follows the position, one pair is equal.
    #[test]
    fn a_preference_needs_both_positions() {
        use Pick::{First, Second, Tie};
        let of = |id, replies: &[Pick]| vote(id, ['A', 'B'], replies);
        let mut votes = vec![
            of("1", &[Second, First]),
            of("2", &[Second, First]),
            of("3", &[First, Second]),
            of("4", &[First, First]),
            of("5", &[]),
            of("6", &[Tie, Tie]),
            of("7", &[Tie, First]),
        ];
        votes.push(Vote { better: None, left_out: Some(Gap::NoPictureOfB), ..of("8", &[]) });
        let items: Vec<&[Vote]> = votes.chunks(1).collect();
        let found = judgement("m", 2, &items);
        let pair = &found.pairs[0];
        assert_eq!((pair.judged, pair.wins, pair.ties, pair.losses), (7, 2, 4, 1));
        assert_eq!((pair.equal_pictures, &pair.left_out), (1, &BTreeMap::from([(Gap::NoPictureOfB, 1)])));
        assert_eq!(pair.win_rate.unwrap().mean, 4.0 / 7.0);
        // Two wins and a loss: every flip of three signs has a sum of at least 1.
        assert_eq!(pair.p, Some(1.0));
        assert_eq!(pair.position_changed, Some(2.0 / 6.0));
        // 2 x (B, A), (A, B), (A, A), (-, A): six of nine name the first picture.
        assert_eq!(pair.first_preferred, Some(6.0 / 9.0));
        assert!((found.abilities[1].ability.mean - (4.1f64 / 3.1).ln()).abs() < 1e-9);
    }

    #[test]
    fn an_input_that_was_never_judged_has_no_ability() {
        let votes = [vote("1", ['A', 'B'], &[Pick::Tie, Pick::Tie])];
        let found = judgement("m", 3, &[&votes]);
        assert!(found.abilities.is_empty());
        let empty = &found.pairs[2];
        assert_eq!((empty.a, empty.b, empty.judged, empty.win_rate, empty.p), ('B', 'C', 0, None, None));
    }
}
