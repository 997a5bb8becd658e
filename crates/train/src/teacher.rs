//! Whose weights re-score the student's tokens.

use crate::error::TrainError;
use crate::recipe::{Recipe, TeacherKind};
use std::path::Path;
use vsdpo_policy::{Policy, SaveOptions};

/// The average's folder in a `resume/` folder.
const AVERAGE: &str = "ema";
/// The base's.
const BASE: &str = "base";

/// The teacher's weights, and the frozen weights that distillation began with (the base). Nothing
/// here is ever on a tape.
///
/// The base is kept where the teacher scores with it, and where the drift of the student or a KL to
/// it is asked for; each is a second copy of the weights, or of the adapter where one trains: an
/// adapter that is still 0 is not computed, so that the base is the policy with its adapter off.
pub enum Teacher {
    /// The student's own, at every step: the paper's teacher.
    Live {
        /// The base, if something else reads it.
        base: Option<Box<Policy>>,
    },
    /// The base.
    Base(Box<Policy>),
    /// theta_T <- (1 - rate) theta_T + rate theta after every step.
    Ema {
        /// The average.
        average: Box<Policy>,
        /// Share of the student's weights.
        rate: f64,
        /// The base, if something else reads it.
        base: Option<Box<Policy>>,
    },
    /// The base and the student's own, their logits mixed (see [`Mix`](crate::loss::Mix)); the
    /// share of the student's is [`trust_rate_at`](crate::recipe::DistillSection::trust_rate_at).
    TrustRegion(Box<Policy>),
}

impl Teacher {
    /// The teacher of a run that begins with these weights.
    ///
    /// # Errors
    /// The copy cannot be made.
    pub fn begin(recipe: &Recipe, student: &Policy) -> Result<Self, TrainError> {
        let kind = if recipe.distill.weight > 0.0 { recipe.distill.teacher } else { TeacherKind::Live };
        let copy = || Ok::<_, TrainError>(Box::new(student.frozen_copy()?));
        let base = || recipe.reads_base().then(copy).transpose();
        Ok(match kind {
            TeacherKind::Live => Teacher::Live { base: base()? },
            TeacherKind::Base => Teacher::Base(copy()?),
            TeacherKind::Ema => {
                Teacher::Ema { average: copy()?, rate: recipe.distill.ema_rate, base: base()? }
            }
            TeacherKind::TrustRegion => Teacher::TrustRegion(copy()?),
        })
    }

    /// The policy that scores; of the trust region, the base.
    pub fn policy<'a>(&'a self, student: &'a Policy) -> &'a Policy {
        match self {
            Teacher::Live { .. } => student,
            Teacher::Base(policy) | Teacher::Ema { average: policy, .. } | Teacher::TrustRegion(policy) => {
                policy
            }
        }
    }

    /// Whether the student's weights score as well, mixed into the logits of
    /// [`policy`](Self::policy).
    pub fn is_mixed(&self) -> bool {
        match self {
            Teacher::TrustRegion(_) => true,
            Teacher::Live { .. } | Teacher::Base(_) | Teacher::Ema { .. } => false,
        }
    }

    /// The base, where it is kept.
    pub fn base(&self) -> Option<&Policy> {
        match self {
            Teacher::Base(policy) | Teacher::TrustRegion(policy) => Some(policy),
            Teacher::Live { base } | Teacher::Ema { base, .. } => base.as_deref(),
        }
    }

    /// Copies of what trains that are held beside the student.
    pub fn copies(&self) -> usize {
        match self {
            Teacher::Live { base } => usize::from(base.is_some()),
            Teacher::Base(_) | Teacher::TrustRegion(_) => 1,
            Teacher::Ema { base, .. } => 1 + usize::from(base.is_some()),
        }
    }

    /// Moves the average after the student has moved; a step that changed nothing is not followed.
    ///
    /// # Errors
    /// The tensor library refuses.
    pub fn follow(&self, student: &Policy) -> Result<(), TrainError> {
        let Teacher::Ema { average, rate, .. } = self else { return Ok(()) };
        for ((_, ours), (_, theirs)) in average.changing().iter().zip(student.changing()) {
            let (old, new) = (ours.as_detached_tensor(), theirs.as_detached_tensor());
            ours.set(&((old * (1.0 - rate))? + (new * *rate)?)?)?;
        }
        Ok(average.changed()?)
    }

    /// Copies the student again: at the end of a warm start, distillation begins with its weights.
    ///
    /// # Errors
    /// The copy cannot be made.
    pub fn copy_again(&mut self, student: &Policy) -> Result<(), TrainError> {
        let copies = match self {
            Teacher::Live { base } => [base.as_mut(), None],
            Teacher::Base(base) | Teacher::TrustRegion(base) => [Some(base), None],
            Teacher::Ema { average, base, .. } => [Some(average), base.as_mut()],
        };
        copies.into_iter().flatten().try_for_each(|copy| Ok(copy.copy_from(student)?))
    }

    /// Writes what a resumed run cannot find elsewhere: the average in `ema`, and after a warm
    /// start the base in `base`.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn save(&self, resume: &Path, warmed_up: bool) -> Result<(), TrainError> {
        if let Teacher::Ema { average, .. } = self {
            average.save_changes(&resume.join(AVERAGE), SaveOptions::default())?;
        }
        match self.base().filter(|_| warmed_up) {
            Some(base) => Ok(base.save_changes(&resume.join(BASE), SaveOptions::default())?),
            None => Ok(()),
        }
    }

    /// Reads it back.
    ///
    /// # Errors
    /// The folder is missing or belongs to another model.
    pub fn restore(&self, resume: &Path, warmed_up: bool) -> Result<(), TrainError> {
        if let Teacher::Ema { average, .. } = self {
            average.read_back(&resume.join(AVERAGE))?;
        }
        match self.base().filter(|_| warmed_up) {
            Some(base) => Ok(base.read_back(&resume.join(BASE))?),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{recipe, write_policy};

    /// A student whose first parameter is 1 everywhere.
    fn student(folder: &Path) -> Policy {
        std::fs::create_dir(folder.join("model")).unwrap();
        write_policy(&folder.join("model"));
        let policy = Policy::load(&folder.join("model")).unwrap();
        set(&policy, 1.0);
        policy
    }

    fn set(policy: &Policy, value: f32) {
        let var = &policy.parameters()[0].1;
        var.set(&var.as_tensor().ones_like().unwrap().affine(value.into(), 0.0).unwrap()).unwrap();
    }

    fn values(policy: &Policy) -> Vec<f32> {
        policy.parameters()[0].1.flatten_all().unwrap().to_vec1().unwrap()
    }

    #[test]
    fn the_average_of_two_updates_by_hand() {
        let folder = tempfile::tempdir().unwrap();
        let student = student(folder.path());
        let recipe = recipe(folder.path(), &["distill.teacher=ema", "distill.ema_rate=0.25"]);
        let teacher = Teacher::begin(&recipe, &student).unwrap();
        let average = || values(teacher.policy(&student));
        // 1, then 0.75 * 1 + 0.25 * 2 = 1.25, then 0.75 * 1.25 + 0.25 * 4 = 1.9375.
        for (moved, want) in [(1.0, 1.0), (2.0, 1.25), (4.0, 1.9375)] {
            set(&student, moved);
            teacher.follow(&student).unwrap();
            assert!(average().iter().all(|&v| v == want), "{want}");
        }
        assert!(values(&student).iter().all(|&v| v == 4.0), "the student does not follow");
        let saved = folder.path().join("resume");
        std::fs::create_dir(&saved).unwrap();
        teacher.save(&saved, false).unwrap();
        let again = Teacher::begin(&recipe, &student).unwrap();
        again.restore(&saved, false).unwrap();
        assert!(values(again.policy(&student)).iter().all(|&v| v == 1.9375));
    }
}
