//! Failures that a busy machine can cause are rendered a second time.

use crate::config::RenderError;
use crate::renderer::Renderer;
use vsdpo_artifact::{Outcome, Source};

/// The outcomes of many sources over all workers, in order. A source whose failure a busy machine
/// can cause ([`Outcome::depends_on_load`]) is rendered again after all others, by itself, and the
/// second outcome counts.
///
/// # Errors
/// As [`Renderer::render`].
pub fn render_with_retries(renderer: &dyn Renderer, sources: &[Source]) -> Result<Vec<Outcome>, RenderError> {
    let mut outcomes = renderer.render_all(sources)?;
    for (outcome, source) in outcomes.iter_mut().zip(sources) {
        if outcome.depends_on_load() {
            *outcome = renderer.render(source)?;
        }
    }
    Ok(outcomes)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::RenderStats;
    use crate::renderer::Screenshot;
    use std::sync::Mutex;
    use vsdpo_artifact::{ExecError, FailureKind, Image, Language, Rendered};

    /// Renders every source at its second attempt; the text names the failure of the first.
    struct Second(Mutex<Vec<String>>);

    impl Renderer for Second {
        fn render(&self, source: &Source) -> Result<Outcome, RenderError> {
            let mut seen = self.0.lock().unwrap();
            seen.push(source.text.clone());
            if seen.iter().filter(|text| **text == source.text).count() > 1 {
                let image = Image { width: 1, height: 1, rgba: [0; 4].into() };
                return Ok(Outcome::Rendered(Rendered::of_page(image, vec![])));
            }
            let kind = if source.text == "slow" { FailureKind::Timeout } else { FailureKind::Exception };
            let (message, traceback) = (String::new(), String::new());
            Ok(Outcome::Failed { error: ExecError { kind, message, traceback, span: None, help: None } })
        }

        fn screenshot(&self, _: &Source) -> Result<Result<Screenshot, ExecError>, RenderError> {
            unreachable!("no screenshot is asked for")
        }

        fn workers(&self) -> usize {
            1
        }

        fn identity(&self) -> Result<String, RenderError> {
            Ok(String::new())
        }

        fn stats(&self) -> RenderStats {
            RenderStats::default()
        }
    }

    #[test]
    fn only_failures_of_load_are_rendered_again_and_after_all_others() {
        let renderer = Second(Mutex::default());
        let sources = ["slow", "wrong"].map(|text| Source::new(text, Language::Python));
        let outcomes = render_with_retries(&renderer, &sources).unwrap();
        assert!(outcomes[0].rendered().is_some());
        assert_eq!(outcomes[1].error().unwrap().kind, FailureKind::Exception);
        assert_eq!(*renderer.0.lock().unwrap(), ["slow", "wrong", "slow"]);
    }
}
