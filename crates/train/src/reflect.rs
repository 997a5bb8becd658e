//! Critique and revision at inference: the loop that the method makes unnecessary.
//!
//! Every round shows the model the render and the rubric of its last attempt, or the error text, in
//! the words of the teacher's prompt, and samples again. As in training, the code of the attempt is
//! not quoted. A task is left alone as soon as an attempt is free of defects. What the rounds cost
//! is counted, because the alternative is one pass without a renderer.

use crate::error::TrainError;
use crate::eval::{Attempt, Attempter, Way};
use vsdpo_artifact::{Message, Task};
use vsdpo_diagnose::AxisWeights;

pub use vsdpo_score::mini::Cost;

/// How attempts are revised.
#[derive(Clone, Copy, Debug)]
pub struct Reflection {
    /// Revisions of a task at most, after its first attempt.
    pub rounds: usize,
    /// How the feedback is shown.
    pub way: Way,
}

/// The attempts at one task: the first one and its revisions, in order.
#[derive(Clone, Debug)]
pub struct Revisions(pub Vec<Attempt>);

impl Revisions {
    /// The position of the answer of the loop with this limit of rounds: the last of the attempts
    /// that run, if any does, with the highest reward.
    pub fn answer(&self, rounds: usize) -> usize {
        let rank = |a: &Attempt| (a.diagnosis.executed, a.reward);
        let mut best = 0;
        for (i, attempt) in self.0.iter().enumerate().take(rounds + 1) {
            if rank(attempt) >= rank(&self.0[best]) {
                best = i;
            }
        }
        best
    }

    /// What the loop costs with this limit of rounds.
    pub fn cost(&self, rounds: usize) -> Cost {
        self.0.iter().take(rounds + 1).map(|a| a.cost).sum()
    }
}

/// See [`revise`].
pub type Ask<'a> = dyn FnMut(usize, &[Task], &[Vec<Message>]) -> Result<Vec<Attempt>, TrainError> + 'a;

/// Revises the first attempts at many tasks. `ask(round, tasks, prompts)` makes one attempt per
/// prompt; rounds count from 1.
///
/// # Errors
/// The first error of `ask`.
pub fn revise(
    first: Vec<Attempt>,
    how: &Reflection,
    weights: &AxisWeights,
    ask: &mut Ask,
) -> Result<Vec<Revisions>, TrainError> {
    let mut all: Vec<Vec<Attempt>> = first.into_iter().map(|attempt| vec![attempt]).collect();
    for round in 1..=how.rounds {
        let open = |a: &Vec<Attempt>| a.last().is_some_and(|last| !last.defect_free());
        let (mut tasks, mut prompts) = (Vec::new(), Vec::new());
        for last in all.iter().filter(|a| open(a)).filter_map(|a| a.last()) {
            prompts.push(how.way.prompt(&last.task, last, weights));
            tasks.push(last.task.clone());
        }
        if tasks.is_empty() {
            break;
        }
        let revised = ask(round, &tasks, &prompts)?;
        all.iter_mut().filter(|a| open(a)).zip(revised).for_each(|(attempts, next)| attempts.push(next));
    }
    Ok(all.into_iter().map(Revisions).collect())
}

/// Revises the first attempts with the policy that made them. Every round has its own seeds.
/// `done` is told the number and the attempts of each round.
///
/// # Errors
/// The policy or the renderer does not work.
pub fn reflect(
    first: Vec<Attempt>,
    how: &Reflection,
    attempter: &Attempter,
    done: &mut dyn FnMut(usize, &[Attempt]),
) -> Result<Vec<Revisions>, TrainError> {
    revise(first, how, attempter.weights, &mut |round, tasks, prompts| {
        // The seeds of one round are consecutive numbers, one per 64 tasks.
        let seed = attempter.seed.wrapping_add((round as u64) << 32);
        let attempts = Attempter { seed, ..*attempter }.attempt(tasks, prompts)?;
        done(round, &attempts);
        Ok(attempts)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{StubRenderer, write_policy};
    use vsdpo_artifact::{
        AxisScore, Content, Diagnosis, Domain, ExecError, FailureKind, Language, Outcome, Rubric, Span,
    };
    use vsdpo_context::student_prompt;
    use vsdpo_diagnose::RubricDetail;
    use vsdpo_policy::{Policy, SampleConfig};

    fn how(rounds: usize) -> Reflection {
        let channels = vsdpo_context::Channels { image: true, rubric: true };
        Reflection { rounds, way: Way::of_teacher(channels, RubricDetail::Binary)[0] }
    }

    /// An attempt with this reward, which is free of defects at 1 and fails at 0.
    fn attempt(task: &str, reward: f32) -> Attempt {
        let error = ExecError {
            kind: FailureKind::Exception,
            message: format!("reward {reward}"),
            traceback: String::new(),
            span: None,
            help: None,
        };
        let score =
            AxisScore { satisfied: Some(reward == 1.0), score: None, observed: String::new(), remedy: None };
        let axes = vec![(vsdpo_diagnose::axes(Domain::Chart)[0], score)];
        let diagnosis = Diagnosis {
            executed: reward > 0.0,
            rubric: Rubric { axes },
            defects: vec![],
            content: 1.0,
            skipped: vec![],
        };
        let cost = Cost {
            prompt_tokens: 10,
            completion_tokens: 5,
            sampling_seconds: 2.0,
            renders: 1,
            rendering_seconds: 1.0,
        };
        Attempt {
            task: Task { id: task.into(), ..Task::unspecified(Domain::Chart, Language::Python) },
            text: String::new(),
            code: Span::new(0, 0),
            outcome: Outcome::Failed { error },
            diagnosis,
            reward,
            finished: true,
            cost,
        }
    }

    /// Revises tasks whose attempts have these rewards; returns the rounds' tasks as well.
    fn revised(rewards: &[&[f32]], rounds: usize) -> (Vec<Revisions>, Vec<Vec<String>>) {
        let first = rewards.iter().enumerate().map(|(i, r)| attempt(&i.to_string(), r[0])).collect();
        let mut asked = Vec::new();
        let weights = AxisWeights::equal(Domain::Chart);
        let all = revise(first, &how(rounds), &weights, &mut |round, tasks, prompts| {
            asked.push(tasks.iter().map(|t| t.id.clone()).collect());
            let answer = |(task, prompt): (&Task, &Vec<Message>)| {
                let given = rewards[task.id.parse::<usize>().unwrap()];
                let Content::Text(text) = prompt[0].content.last().unwrap() else { panic!("no text") };
                assert!(text.contains(&format!("reward {}", given[round - 1])), "{text}");
                attempt(&task.id, given[round])
            };
            Ok(tasks.iter().zip(prompts).map(answer).collect())
        });
        (all.unwrap(), asked)
    }

    #[test]
    fn clean_answers_are_left_alone_and_the_last_attempt_is_shown() {
        let (all, asked) = revised(&[&[0.5, 1.0], &[1.0], &[0.0, 0.5, 0.25]], 2);
        assert_eq!(asked, [vec!["0", "2"], vec!["2"]]);
        assert_eq!(all.iter().map(|r| r.0.len()).collect::<Vec<_>>(), [2, 1, 3]);
        assert!(revised(&[&[1.0], &[1.0]], 3).1.is_empty(), "nothing is asked without a defect");
    }

    #[test]
    fn the_answer_is_the_last_of_the_best() {
        let (all, _) = revised(&[&[0.5, 0.25, 0.5], &[0.5, 0.0, 0.25], &[0.0, 0.0, 0.0]], 2);
        let answers = |rounds| all.iter().map(|r| r.answer(rounds)).collect::<Vec<_>>();
        assert_eq!((answers(0), answers(1), answers(2)), (vec![0; 3], vec![0, 0, 1], vec![2, 0, 2]));
        let (two, single) = (all[0].cost(1), all[0].0[0].cost.single_pass());
        assert_eq!((two.tokens(), two.renders, two.seconds()), (30, 2, 6.0));
        assert_eq!((single.tokens(), single.renders, single.seconds()), (15, 0, 2.0));
        assert_eq!(all[0].cost(9).tokens(), 45);
        // Code that runs is preferred to code that fails, even if both have no reward.
        let mut runs = attempt("x", 0.5);
        runs.reward = 0.0;
        assert_eq!(Revisions(vec![runs, attempt("x", 0.0)]).answer(1), 0);
    }

    /// A random policy never ends its text, so every task takes every round.
    #[test]
    fn a_policy_revises_its_own_attempts() {
        let folder = tempfile::tempdir().unwrap();
        write_policy(folder.path());
        let policy = Policy::load(folder.path()).unwrap();
        let tasks = vsdpo_data::TaskStream::open(&Default::default()).unwrap().batch(1, 0, 2).unwrap();
        let sampling = SampleConfig { max_completion_tokens: 6, ..SampleConfig::default() };
        let attempter = Attempter {
            policy: &policy,
            renderer: &StubRenderer,
            references: None,
            sampling,
            seed: 3,
            weights: &AxisWeights::equal(Domain::Chart),
        };
        let go = || {
            let prompts: Vec<_> = tasks.iter().map(student_prompt).collect();
            reflect(attempter.attempt(&tasks, &prompts).unwrap(), &how(2), &attempter, &mut |_, _| ())
                .unwrap()
        };
        let all = go();
        for revisions in &all {
            let [first, second, third] = &revisions.0[..] else { panic!("{} attempts", revisions.0.len()) };
            assert_eq!((first.cost.completion_tokens, first.cost.renders), (6, 1));
            assert!(second.cost.prompt_tokens > first.cost.prompt_tokens);
            assert!(third.cost.sampling_seconds > 0.0);
        }
        let texts = |all: &[Revisions]| -> Vec<String> {
            all.iter().flat_map(|r| &r.0).map(|a| a.text.clone()).collect()
        };
        assert_eq!(texts(&all), texts(&go()), "the seed decides");
    }
}
