//! Diagnosis: what is wrong with a render (defects), axis by axis (rubric), and how good it is as
//! one number (reward).
//!
//! ```text
//! Outcome --rules--> D (defects)  --rubric--> v (one verdict and observed value per axis)  --reward--> r
//! ```
//!
//! Rules read the element table and the pixels; they never run code, never guess from pixels what
//! the renderer knows, and never fail: a rule that cannot judge says *not judged*. The same outcome
//! always gives the same diagnosis. Charts and pages have rules; slides get an empty rubric. The
//! benchmark scores that compare a prediction with a reference are in [`axes`].
//!
//! ```
//! use vsdpo_artifact::{Domain, ExecError, FailureKind, Outcome};
//! let error = ExecError { kind: FailureKind::Timeout, message: "10 s".into(), traceback: String::new(), span: None };
//! let diagnosis = vsdpo_diagnose::diagnose(Domain::Chart, None, &Outcome::Failed { error });
//! assert!(!diagnosis.executed);
//! assert_eq!(diagnosis.reward, 0.0);
//! ```

pub mod axes;

mod color;
mod cover;
mod geometry;
mod page;
mod panels;
mod reference;
mod reward;
mod rubric;
mod rules;
mod scene;
mod seen;

pub use reference::SATISFIED;
pub use reference::chart::{Comparison, against};
pub use reference::web::{PageComparison, against_page};
pub use reward::reward;
pub use rubric::rubric_json;
pub use rules::{Rule, all_rules, reference_rules, rules};

use scene::Scene;
use vsdpo_artifact::{Diagnosis, Domain, Outcome, Requirements, Rubric};

/// Judges one outcome: D, v and r.
///
/// `requirements` are the demands of the task; without them the content axis is not judged. After a
/// failed execution there is nothing to see: no defects, an empty rubric and reward 0.
pub fn diagnose(domain: Domain, requirements: Option<&Requirements>, outcome: &Outcome) -> Diagnosis {
    let Some(rendered) = outcome.rendered() else {
        return Diagnosis { executed: false, defects: vec![], rubric: Rubric::default(), reward: 0.0 };
    };
    let scene = Scene::new(rendered, requirements);
    let judged: Vec<_> = rules(domain).iter().map(|rule| (rule, rule.judge(&scene))).collect();
    let rubric = rubric::rubric(domain, &judged);
    let reward = reward(true, &rubric);
    let defects = judged.into_iter().flat_map(|(_, judgement)| judgement.defects).collect();
    Diagnosis { executed: true, defects, rubric, reward }
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
