//! Whose weights re-score the student's tokens.

use crate::error::TrainError;
use crate::recipe::{Recipe, TeacherKind};
use candle_core::Var;
use std::path::Path;
use vsdpo_policy::Policy;

/// The teacher's weights. Nothing here is ever on a tape.
pub enum Teacher {
    /// The student's own, at every step: the paper's teacher.
    Live,
    /// Frozen.
    Base(Box<Policy>),
    /// theta_T <- (1 - rate) theta_T + rate theta after every step.
    Ema {
        /// The average.
        policy: Box<Policy>,
        /// Share of the student's weights.
        rate: f64,
    },
    /// Frozen weights and the student's own, their logits mixed (see
    /// [`Mix`](crate::loss::Mix)); the share of the student's is
    /// [`trust_rate_at`](crate::recipe::DistillSection::trust_rate_at).
    TrustRegion(Box<Policy>),
}

impl Teacher {
    /// The teacher of a run that begins with these weights. A recipe that never distils keeps no
    /// copy.
    ///
    /// # Errors
    /// The copy cannot be made.
    pub fn begin(recipe: &Recipe, base: &Policy) -> Result<Self, TrainError> {
        let kind = if recipe.distill.weight > 0.0 { recipe.distill.teacher } else { TeacherKind::Live };
        let copy = || Ok::<_, TrainError>(Box::new(base.frozen_copy()?));
        Ok(match kind {
            TeacherKind::Live => Teacher::Live,
            TeacherKind::Base => Teacher::Base(copy()?),
            TeacherKind::Ema => Teacher::Ema { policy: copy()?, rate: recipe.distill.ema_rate },
            TeacherKind::TrustRegion => Teacher::TrustRegion(copy()?),
        })
    }

    /// The policy that scores; of the trust region, the frozen one.
    pub fn policy<'a>(&'a self, student: &'a Policy) -> &'a Policy {
        match self {
            Teacher::Live => student,
            Teacher::Base(policy) | Teacher::Ema { policy, .. } | Teacher::TrustRegion(policy) => policy,
        }
    }

    /// Whether the student's weights score as well, mixed into the logits of [`policy`](Self::policy).
    pub fn is_mixed(&self) -> bool {
        match self {
            Teacher::TrustRegion(_) => true,
            Teacher::Live | Teacher::Base(_) | Teacher::Ema { .. } => false,
        }
    }

    /// The frozen weights that distillation began with, where they are kept.
    pub fn base(&self) -> Option<&Policy> {
        match self {
            Teacher::Base(policy) | Teacher::TrustRegion(policy) => Some(policy),
            Teacher::Live | Teacher::Ema { .. } => None,
        }
    }

    /// Moves the average after a step of the student.
    ///
    /// # Errors
    /// The tensor library refuses.
    pub fn follow(&self, student: &Policy) -> Result<(), TrainError> {
        let Teacher::Ema { policy, rate } = self else { return Ok(()) };
        for ((_, ours), (_, theirs)) in policy.parameters().iter().zip(student.parameters()) {
            let (old, new) = (ours.as_detached_tensor(), theirs.as_detached_tensor());
            ours.set(&((old * (1.0 - rate))? + (new * *rate)?)?)?;
        }
        Ok(())
    }

    /// Writes what a resumed run cannot find elsewhere: the average.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn save(&self, dir: &Path) -> Result<(), TrainError> {
        match self {
            Teacher::Ema { policy, .. } => Ok(policy.save(dir)?),
            Teacher::Live | Teacher::Base(_) | Teacher::TrustRegion(_) => Ok(()),
        }
    }

    /// Reads it back.
    ///
    /// # Errors
    /// The folder is missing or belongs to another model.
    pub fn restore(&self, dir: &Path) -> Result<(), TrainError> {
        match self {
            Teacher::Ema { policy, .. } => copy_weights(&Policy::load(dir)?, policy),
            Teacher::Live | Teacher::Base(_) | Teacher::TrustRegion(_) => Ok(()),
        }
    }
}

/// Sets the weights of `to` to those of `from`; the two must be of one configuration.
pub(crate) fn copy_weights(from: &Policy, to: &Policy) -> Result<(), TrainError> {
    let set = |((_, from), (_, to)): (&(String, Var), &(String, Var))| to.set(&from.as_detached_tensor());
    Ok(from.parameters().iter().zip(to.parameters()).try_for_each(set)?)
}
