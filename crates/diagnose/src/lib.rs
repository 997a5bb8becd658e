//! Diagnosis: what is wrong with a render (defects), axis by axis (rubric), and how good it is as
//! one number (reward).
//!
//! ```text
//! Outcome --rules--> D (defects), v (a score per axis)  --reward, per task--> r
//! ```
//!
//! Rules read the element table and the pixels. They run no code, they do not infer from pixels
//! what the renderer reports, and they never fail: a rule that cannot evaluate a page says *not
//! evaluated*. The same outcome always gives the same diagnosis.
//!
//! ```
//! use vsdpo_artifact::{Domain, ExecError, FailureKind, Language, Outcome, Task};
//! let error = ExecError::new(FailureKind::Timeout, "10 s");
//! let task = Task::unspecified(Domain::Chart, Language::Python);
//! let diagnosis = vsdpo_diagnose::diagnose(&task, &Outcome::Failed { error }, None);
//! assert!(!diagnosis.executed);
//! let weights = vsdpo_diagnose::AxisWeights::equal(Domain::Chart);
//! assert_eq!(vsdpo_diagnose::reward(&diagnosis, &weights), 0.0);
//! ```

mod color;
mod compared;
mod contrast;
mod geometry;
mod requirements;
mod reward;
mod rubric;
mod rules;
mod scene;
pub mod slide;

pub use compared::SATISFIED;
pub use reward::{
    AxisWeights, Graded, WeightError, component_weights, components, reward, rewards, task_rewards,
};
pub use rubric::{RubricDetail, defect_json, rubric_json};
pub use rules::{Rule, all_rules, axes, axis_of, reference_axes, reference_rules, rules};

use rules::RuleResult;
use scene::Scene;
use vsdpo_artifact::{
    Axis, AxisScore, Comparison, Defect, Diagnosis, Outcome, Rendered, Rubric, StyleRule, Task,
};

/// D and v of one outcome. (r of the rollouts of a task: [`rewards`].)
///
/// Without requirements in the task the content axis is not evaluated. `reference` is the render
/// compared with the task's reference; it adds axes and defects. After a failed execution there are
/// no defects and the rubric is empty.
pub fn diagnose(task: &Task, outcome: &Outcome, reference: Option<&Comparison>) -> Diagnosis {
    let Some(rendered) = outcome.rendered() else {
        return Diagnosis {
            executed: false,
            defects: vec![],
            rubric: Rubric::default(),
            content: 0.0,
            skipped: vec![],
        };
    };
    let (mut defects, mut pages, mut content) = (Vec::new(), Vec::new(), 1.0f32);
    let mut skipped: Vec<&'static str> = Vec::new();
    for page in 0..rendered.pages.len() {
        let found = diagnose_page(task, rendered, page);
        pages.push(found.axes);
        defects.extend(found.defects);
        content = content.min(found.content);
        skipped.extend(found.skipped);
    }
    let order = |id: &&str| rules::rules(task.domain).iter().position(|rule| rule.id == *id);
    skipped.sort_by_key(order);
    skipped.dedup();
    for defect in &mut defects {
        if let Some(place) = set_in(rendered, defect) {
            defect.message.push_str(&format!(" (set in {place})"));
        }
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
    Diagnosis { executed: true, defects, rubric, content, skipped }
}

/// File and line of the linked style rule that sets the first of the properties that a defect can
/// come from. Rules in the source itself are statements of it, which credit finds.
fn set_in<'a>(rendered: &'a Rendered, defect: &Defect) -> Option<&'a str> {
    let rules = || rendered.styles.iter().filter_map(|rule| Some((rule, rule.place.as_deref()?)));
    defect.properties.iter().find_map(|property| {
        let sets = |rule: &StyleRule| {
            let ids = rule.decides.iter().filter(|(name, _)| name == property).flat_map(|(_, ids)| ids);
            ids.into_iter().any(|id| defect.elements.contains(id))
        };
        rules().find(|(rule, _)| sets(rule)).map(|(_, place)| place)
    })
}

/// One page of a diagnosis.
struct PageDiagnosis {
    axes: Vec<(Axis, AxisScore)>,
    defects: Vec<Defect>,
    /// Share of the requirements that it meets.
    content: f32,
    skipped: Vec<&'static str>,
}

fn diagnose_page(task: &Task, rendered: &Rendered, page: usize) -> PageDiagnosis {
    let scene = Scene::new(rendered, page, task.requirements.as_ref());
    let tables = rules::tables(task.domain);
    let results: Vec<(&Rule, RuleResult)> =
        tables.rules.iter().map(|rule| (rule, rule.apply(&scene))).collect();
    let mut axes = rubric::page_axes(task.domain, &results);
    let mut content = 1.0;
    if let Some(coverage) = results.iter().find_map(|(_, result)| result.coverage.as_ref()) {
        coverage.fail(tables.needs, &mut axes);
        content = coverage.share();
    }
    let skipped = results.iter().filter(|(_, result)| result.skipped).map(|(rule, _)| rule.id).collect();
    let defects = results.into_iter().flat_map(|(_, result)| result.defects).collect();
    PageDiagnosis { axes, defects, content, skipped }
}

#[cfg(test)]
mod testing;
#[cfg(test)]
mod tests;
