//! Attempts at tasks: sampled once per prompt, rendered, compared and diagnosed by the stages of
//! the training loop.

use crate::error::TrainError;
use crate::stages::{self, Experience, References, Sampling};
use std::time::Instant;
use vsdpo_artifact::{Message, Rollout, Task};
use vsdpo_diagnose::{AxisWeights, reward};
use vsdpo_policy::{Policy, SampleConfig};
use vsdpo_render::Renderer;
use vsdpo_score::mini::{Attempt, Cost};

/// Prompts that are sampled together; bounds the memory of the key-value cache.
const PROMPTS_AT_ONCE: usize = 64;

/// Who attempts tasks, and how.
#[derive(Clone, Copy)]
pub struct Attempter<'a> {
    /// The policy that samples.
    pub policy: &'a Policy,
    /// What renders its code.
    pub renderer: &'a dyn Renderer,
    /// What compares renders with references.
    pub references: Option<References<'a>>,
    /// Sampling of the policy.
    pub sampling: SampleConfig,
    /// Seed of the samples.
    pub seed: u64,
    /// Weights of the axes in the reward.
    pub weights: &'a AxisWeights,
}

impl Attempter<'_> {
    /// One attempt per task. `prompts[i]` is what the policy is asked for `tasks[i]`.
    ///
    /// # Errors
    /// The policy or the renderer does not work; attempts that fail are values, not errors.
    pub fn attempt(&self, tasks: &[Task], prompts: &[Vec<Message>]) -> Result<Vec<Attempt>, TrainError> {
        let begun = Instant::now();
        let (rollouts, prompt_tokens) = self.sample(tasks, prompts)?;
        let sampled = Instant::now();
        let drawn = self.draw(tasks, rollouts)?;
        let each = |seconds: f64| seconds / tasks.len().max(1) as f64;
        let sampling_seconds = each((sampled - begun).as_secs_f64());
        let rendering_seconds = each(sampled.elapsed().as_secs_f64());
        let Experience { rollouts, outcomes, diagnoses, .. } = drawn;
        let all = rollouts.into_iter().zip(outcomes).zip(diagnoses);
        let attempts = all.map(|((y, outcome), diagnosis)| Attempt {
            task: tasks[y.task].clone(),
            text: y.text,
            code: y.code,
            outcome,
            // As in training: a completion that met the token limit has no reward.
            reward: if y.finished { reward(&diagnosis, self.weights) } else { 0.0 },
            finished: y.finished,
            diagnosis,
            cost: Cost {
                prompt_tokens: prompt_tokens[y.task],
                completion_tokens: y.tokens.len(),
                sampling_seconds,
                renders: 1,
                rendering_seconds,
            },
        });
        Ok(attempts.collect())
    }

    /// One rollout per prompt, and the tokens of each prompt.
    pub(crate) fn sample(
        &self,
        tasks: &[Task],
        prompts: &[Vec<Message>],
    ) -> Result<(Vec<Rollout>, Vec<usize>), TrainError> {
        let (mut rollouts, mut prompt_tokens) = (Vec::with_capacity(tasks.len()), Vec::new());
        for (i, chunk) in prompts.chunks(PROMPTS_AT_ONCE).enumerate() {
            let first = i * PROMPTS_AT_ONCE;
            let encoded = chunk.iter().map(|m| self.policy.encode(m)).collect::<Result<Vec<_>, _>>()?;
            prompt_tokens.extend(encoded.iter().map(|prompt| prompt.ids.len()));
            let seed = self.seed.wrapping_add(i as u64);
            let sampling = Sampling { group_size: 1, config: self.sampling, seed };
            let sampled = stages::sample(self.policy, &tasks[first..], &encoded, &sampling)?;
            rollouts.extend(sampled.into_iter().map(|y| Rollout { task: first + y.task, ..y }));
        }
        Ok((rollouts, prompt_tokens))
    }

    /// Renders, compares and diagnoses the rollouts.
    pub(crate) fn draw(&self, tasks: &[Task], rollouts: Vec<Rollout>) -> Result<Experience, TrainError> {
        let outcomes = stages::render(self.renderer, tasks, &rollouts)?;
        let mut drawn = Experience { tasks: tasks.to_vec(), rollouts, outcomes, ..Experience::default() };
        drawn.comparisons = stages::compare(self.renderer, self.references, &drawn)?;
        drawn.diagnoses = stages::diagnose(&drawn);
        Ok(drawn)
    }
}
