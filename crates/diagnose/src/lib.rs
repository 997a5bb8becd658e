//! Diagnosis: what is wrong with a render (defects), axis by axis (rubric), and how good it is as
//! one number (reward).
//!
//! ```text
//! Outcome --rules--> D (defects)  --rubric--> v (a score per axis)  --reward--> r
//! ```
//!
//! Rules read the element table and the pixels. They run no code, they do not infer from pixels
//! what the renderer reports, and they never fail: a rule that cannot evaluate a page says *not
//! evaluated*. The same outcome always gives the same diagnosis. Charts and pages have rules;
//! slides get an empty rubric.
//!
//! ```
//! use vsdpo_artifact::{Domain, ExecError, FailureKind, Language, Outcome, Task};
//! let error = ExecError {
//!     kind: FailureKind::Timeout, message: "10 s".into(), traceback: String::new(), span: None,
//! };
//! let task = Task::unspecified(Domain::Chart, Language::Python);
//! let diagnosis = vsdpo_diagnose::diagnose(&task, &Outcome::Failed { error }, None);
//! assert!(!diagnosis.executed);
//! assert_eq!(diagnosis.reward, 0.0);
//! ```

mod color;
mod compared;
mod contrast;
mod geometry;
mod reward;
mod rubric;
mod rules;
mod scene;

pub use compared::SATISFIED;
pub use reward::reward;
pub use rubric::rubric_json;
pub use rules::{Rule, all_rules, axes, reference_axes, reference_rules, rules};

use rules::RuleResult;
use scene::Scene;
use vsdpo_artifact::{Axis, AxisScore, Comparison, Defect, Diagnosis, Outcome, Rendered, Rubric, Task};

/// Returns the defects D, the rubric v and the reward r of one outcome.
///
/// Without requirements in the task the content axis is not evaluated. `reference` is the render
/// compared with the task's reference; it adds axes and defects. After a failed execution there are
/// no defects, the rubric is empty and the reward is 0.
pub fn diagnose(task: &Task, outcome: &Outcome, reference: Option<&Comparison>) -> Diagnosis {
    let Some(rendered) = outcome.rendered() else {
        return Diagnosis { executed: false, defects: vec![], rubric: Rubric::default(), reward: 0.0 };
    };
    let mut defects = Vec::new();
    let mut pages = Vec::new();
    for page in 0..rendered.pages.len() {
        let (axes, found) = diagnose_page(task, rendered, page);
        pages.push(axes);
        defects.extend(found);
    }
    let mut rubric = rubric::over_pages(pages);
    if let Some(comparison) = reference {
        let compared = match comparison {
            Comparison::Chart(chart) => rules::chart::reference::compare(chart),
            Comparison::Web(page) => rules::web::reference::compare(page, rendered),
        };
        rubric.axes.extend(compared.axes);
        defects.extend(compared.defects);
    }
    let reward = reward(true, &rubric);
    Diagnosis { executed: true, defects, rubric, reward }
}

/// The axes and the defects of one page.
fn diagnose_page(task: &Task, rendered: &Rendered, page: usize) -> (Vec<(Axis, AxisScore)>, Vec<Defect>) {
    let scene = Scene::new(rendered, page, task.requirements.as_ref());
    let results: Vec<(&Rule, RuleResult)> =
        rules(task.domain).iter().map(|rule| (rule, rule.apply(&scene))).collect();
    let axes = rubric::page_axes(task.domain, &results);
    (axes, results.into_iter().flat_map(|(_, result)| result.defects).collect())
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
