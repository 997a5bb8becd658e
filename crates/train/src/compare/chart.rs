//! Charts beside their references: ChartMimic's metrics and a visual score.

use crate::error::TrainError;
use crate::renderer::{Recorder, Renderer};
use crate::stages::Experience;
use std::collections::{HashMap, HashSet};
use std::ptr::from_ref;
use vsdpo_artifact::{ChartRecords, Image, Outcome};
use vsdpo_diagnose::Comparison;
use vsdpo_diagnose::axes::chart::{ChartScores, Rules, score, visual};
use vsdpo_policy::Clip;

/// A chart that has a reference.
#[derive(Clone, Debug)]
pub struct Chart {
    scores: ChartScores,
    pred: ChartRecords,
    gt: ChartRecords,
    visual: Option<f64>,
}

impl Chart {
    /// As the rubric wants it.
    pub fn comparison(&self) -> Comparison<'_> {
        let Self { scores, pred, gt, visual } = self;
        Comparison { scores: *scores, pred, gt, visual: *visual }
    }
}

/// How every chart of the step compares with its task's reference; `None` where there is no
/// reference or where one of the two did not draw.
///
/// # Errors
/// The renderer or the recorder does not work.
pub fn compare(
    (renderer, recorder): (&dyn Renderer, &dyn Recorder),
    clip: Option<&Clip>,
    seen: &Experience,
) -> Result<Vec<Option<Chart>>, TrainError> {
    let references: Vec<&str> = seen.tasks.iter().filter_map(|t| t.reference.as_deref()).collect();
    let drawn = renderer.render_all(&references)?;
    let drawn: HashMap<&str, &Outcome> = references.iter().copied().zip(&drawn).collect();
    // The rollouts that have both pictures, with their references.
    let pairs: Vec<(usize, &str)> = (0..seen.rollouts.len())
        .filter(|&i| seen.outcomes[i].rendered().is_some())
        .filter_map(|i| Some((i, seen.tasks[seen.task_of(i)].reference.as_deref()?)))
        .filter(|(_, reference)| drawn[reference].rendered().is_some())
        .collect();
    let mut scripts: Vec<&str> = pairs.iter().flat_map(|&(i, gt)| [seen.rollouts[i].source(), gt]).collect();
    scripts.sort_unstable();
    scripts.dedup();
    let records = recorder.record_all(&scripts)?;
    let records: HashMap<&str, &ChartRecords> = scripts.iter().copied().zip(&records).collect();
    let pictures = pairs
        .iter()
        .filter_map(|&(i, gt)| Some((&seen.outcomes[i].rendered()?.image, &drawn[gt].rendered()?.image)));
    let visuals = look(clip, &pictures.collect::<Vec<_>>())?;
    let mut compared = vec![None; seen.rollouts.len()];
    for ((i, reference), visual) in pairs.into_iter().zip(visuals) {
        let (pred, gt) = (records[seen.rollouts[i].source()].clone(), records[reference].clone());
        // The benchmark's special cases go by the chart's name; a task has none.
        let scores = score(&pred, &gt, "", Rules::Fixed);
        compared[i] = Some(Chart { scores, visual: Some(visual), pred, gt });
    }
    Ok(compared)
}

/// The visual score of pictures beside their references: structural similarity, with weights of
/// CLIP its mean with CLIP's cosine. The one sees places and proportions, the other what is shown.
fn look(clip: Option<&Clip>, pairs: &[(&Image, &Image)]) -> Result<Vec<f64>, TrainError> {
    let structure = pairs.iter().map(|(a, b)| visual::similarity(a, b));
    let Some(clip) = clip else { return Ok(structure.collect()) };
    // The rollouts of a group share one picture of their reference.
    let mut seen = HashSet::new();
    let images = pairs.iter().flat_map(|&(a, b)| [a, b]).filter(|image| seen.insert(from_ref(*image)));
    let images: Vec<&Image> = images.collect();
    let embeddings: HashMap<_, _> =
        images.iter().map(|image| from_ref(*image)).zip(clip.embed(&images)?).collect();
    let meaning =
        pairs.iter().map(|&(a, b)| embeddings[&from_ref(a)].cosine(&embeddings[&from_ref(b)]).max(0.0));
    Ok(structure.zip(meaning).map(|(s, m)| (s + m) / 2.0).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::write_clip;

    #[test]
    fn clip_has_half_of_the_visual_score_where_its_weights_are_given() {
        let folder = tempfile::tempdir().unwrap();
        write_clip(folder.path());
        let clip = Clip::load(folder.path()).unwrap();
        let plain = |rgb: [u8; 3]| {
            let pixel = [rgb[0], rgb[1], rgb[2], 255];
            Image { width: 40, height: 30, rgba: pixel.repeat(40 * 30).into() }
        };
        let (red, blue) = (plain([200, 30, 30]), plain([20, 40, 160]));
        let alone = look(None, &[(&red, &blue), (&red, &red)]).unwrap();
        let both = look(Some(&clip), &[(&red, &blue), (&red, &red)]).unwrap();
        let vectors = clip.embed(&[&red, &blue]).unwrap();
        let cosine = vectors[0].cosine(&vectors[1]).max(0.0);
        assert!((both[0] - (alone[0] + cosine) / 2.0).abs() < 1e-6, "{both:?} {alone:?} {cosine}");
        assert!((both[0] - alone[0]).abs() > 0.01, "the two agree by chance: the test shows nothing");
        assert!((both[1] - 1.0).abs() < 1e-6);
    }
}
