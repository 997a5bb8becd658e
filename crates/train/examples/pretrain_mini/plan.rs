//! The stages of the pre-training.

use crate::corpus::Mix;
use crate::tower::TowerStage;

/// Charts and pages alike: the base was first made for these alone.
const OLD: [f64; 4] = [0.5, 0.5, 0.0, 0.0];
/// A part of the training with its own mix and its own schedule.
pub struct Stage {
    /// Shares of the kinds of pairs.
    pub mix: Mix,
    /// Optimizer steps.
    pub steps: u64,
    /// Pairs of one step.
    pub batch: u64,
    /// Peak learning rate.
    pub lr: f64,
    /// Whether the vision tower goes on training. It stands still until the language model reads
    /// it.
    pub tower: bool,
    /// Whether a step of the language model is followed by a step of the tower's linear layers,
    /// which also predict the good values of each choice: which other places of a legend are free
    /// was not learned from the answers.
    pub probes: bool,
}

/// The stage that is repeated once slides are written: all worlds, those that are new more often.
const SLIDES: Stage = Stage {
    mix: Mix {
        copy: 0.03,
        report: 0.03,
        plain: 0.08,
        feedback: 0.62,
        layout: 0.12,
        facts: 0.04,
        worlds: [0.2, 0.15, 0.3, 0.35],
    },
    steps: 600,
    batch: 24,
    lr: 1.5e-3,
    tower: true,
    probes: true,
};

/// Scripts of decks, which are the longest, get half of the pairs.
const SCRIPTS: Stage =
    Stage { mix: Mix { plain: 0.12, worlds: [0.17, 0.13, 0.2, 0.5], ..SLIDES.mix }, lr: 1e-3, ..SLIDES };

/// After the vision tower: first naming the layouts of pictures and looking words up in the prompt,
/// which comes later and suddenly, then the language of prompts and scripts, then acting on
/// feedback, which is learned only once scripts are written without effort. Some pairs go on
/// copying: without them the skill was gone after 200 steps, and even a reference in the prompt was
/// no longer copied. The last stage has reference pairs for the same reason: after three stages
/// without, OPSD's teacher, which is shown one, broke the student within 14 updates.
///
/// Slides came when charts and pages were learned: the tokenizer gets tokens for them before stage
/// [`BEFORE_SLIDES`], and the stages from there on have all worlds.
pub const STAGES: [Stage; 17] = [
    Stage {
        mix: Mix {
            copy: 0.35,
            report: 0.2,
            plain: 0.0,
            feedback: 0.0,
            layout: 0.45,
            facts: 0.0,
            worlds: OLD,
        },
        steps: 800,
        batch: 32,
        lr: 3e-3,
        tower: false,
        probes: false,
    },
    Stage {
        mix: Mix { copy: 0.7, report: 0.1, plain: 0.0, feedback: 0.0, layout: 0.2, facts: 0.0, worlds: OLD },
        steps: 700,
        batch: 32,
        lr: 3e-3,
        tower: false,
        probes: false,
    },
    Stage {
        mix: Mix {
            copy: 0.08,
            report: 0.08,
            plain: 0.24,
            feedback: 0.42,
            layout: 0.10,
            facts: 0.0,
            worlds: OLD,
        },
        steps: 1200,
        batch: 16,
        lr: 2e-3,
        tower: false,
        probes: false,
    },
    Stage {
        mix: Mix {
            copy: 0.03,
            report: 0.06,
            plain: 0.09,
            feedback: 0.64,
            layout: 0.14,
            facts: 0.0,
            worlds: OLD,
        },
        steps: 1400,
        batch: 24,
        lr: 2e-3,
        tower: false,
        probes: false,
    },
    Stage {
        mix: Mix {
            copy: 0.03,
            report: 0.06,
            plain: 0.09,
            feedback: 0.64,
            layout: 0.14,
            facts: 0.0,
            worlds: OLD,
        },
        steps: 500,
        batch: 24,
        lr: 1e-3,
        tower: true,
        probes: false,
    },
    Stage {
        mix: Mix {
            copy: 0.02,
            report: 0.04,
            plain: 0.10,
            feedback: 0.74,
            layout: 0.08,
            facts: 0.0,
            worlds: OLD,
        },
        steps: 1200,
        batch: 24,
        lr: 1.5e-3,
        tower: true,
        probes: false,
    },
    Stage {
        mix: Mix {
            copy: 0.02,
            report: 0.04,
            plain: 0.10,
            feedback: 0.74,
            layout: 0.10,
            facts: 0.0,
            worlds: OLD,
        },
        steps: 900,
        batch: 24,
        lr: 1.2e-3,
        tower: true,
        probes: true,
    },
    Stage {
        mix: Mix {
            copy: 0.02,
            report: 0.04,
            plain: 0.10,
            feedback: 0.74,
            layout: 0.10,
            facts: 0.0,
            worlds: OLD,
        },
        steps: 1500,
        batch: 24,
        lr: 1.5e-3,
        tower: true,
        probes: true,
    },
    Stage {
        mix: Mix {
            copy: 0.02,
            report: 0.03,
            plain: 0.10,
            feedback: 0.72,
            layout: 0.13,
            facts: 0.0,
            worlds: [0.7, 0.3, 0.0, 0.0],
        },
        steps: 2400,
        batch: 24,
        lr: 1.5e-3,
        tower: true,
        probes: true,
    },
    Stage {
        mix: Mix {
            copy: 0.03,
            report: 0.02,
            plain: 0.06,
            feedback: 0.54,
            layout: 0.10,
            facts: 0.12,
            worlds: [0.6, 0.4, 0.0, 0.0],
        },
        steps: 2800,
        batch: 24,
        lr: 1.5e-3,
        tower: true,
        probes: true,
    },
    Stage {
        mix: Mix {
            copy: 0.04,
            report: 0.06,
            plain: 0.26,
            feedback: 0.40,
            layout: 0.16,
            facts: 0.02,
            worlds: [0.15, 0.1, 0.35, 0.4],
        },
        steps: 900,
        batch: 24,
        lr: 1.5e-3,
        tower: true,
        probes: true,
    },
    SLIDES,
    SLIDES,
    Stage { lr: 1.2e-3, ..SLIDES },
    Stage { lr: 8e-4, ..SLIDES },
    SCRIPTS,
    Stage { mix: Mix { worlds: [0.25, 0.15, 0.15, 0.45], ..SCRIPTS.mix }, ..SCRIPTS },
];

/// Stages without slides.
pub const BEFORE_SLIDES: usize = 10;

/// The training of the vision tower alone, before the other stages.
pub const TOWER: [TowerStage; 2] = [
    TowerStage { steps: 3000, batch: 32, lr: 2e-3, all: true, fits: false, worlds: OLD },
    TowerStage { steps: 2000, batch: 32, lr: 1.5e-3, all: false, fits: false, worlds: OLD },
];
