//! Renders beside their references: the metrics and the visual score behind the reference axes of the rubric.

use crate::error::TrainError;
use crate::renderer::Instruments;
use crate::stages::Experience;
use std::collections::{HashMap, HashSet};
use std::ptr::from_ref;
use vsdpo_artifact::{ChartRecords, Image, Outcome};
use vsdpo_diagnose::Comparison;
use vsdpo_diagnose::axes::chart::{ChartScores, Rules, score, visual};
use vsdpo_policy::Clip;

/// A render that has a reference.
#[derive(Clone, Debug)]
pub struct Compared {
    scores: ChartScores,
    pred: ChartRecords,
    gt: ChartRecords,
    visual: Option<f64>,
}

impl Compared {
    /// As the rubric wants it.
    pub fn comparison(&self) -> Comparison<'_> {
        let Self { scores, pred, gt, visual } = self;
        Comparison { scores: *scores, pred, gt, visual: *visual }
    }
}

/// How every render of the step compares with its task's reference; `None` where there is no reference, where
/// one of the two did not draw, and everywhere if the recipe does not ask (`with.recorder` is absent).
///
/// # Errors
/// The renderer or the recorder does not work.
pub fn compare(with: Instruments, seen: &Experience) -> Result<Vec<Option<Compared>>, TrainError> {
    let Some(recorder) = with.recorder else { return Ok(vec![None; seen.rollouts.len()]) };
    let references: Vec<&str> = seen.tasks.iter().filter_map(|t| t.reference.as_deref()).collect();
    let drawn = with.renderer.render_all(&references)?;
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
    let visuals = look(with.clip, &pictures.collect::<Vec<_>>())?;
    let mut compared = vec![None; seen.rollouts.len()];
    for ((i, reference), visual) in pairs.into_iter().zip(visuals) {
        let (pred, gt) = (records[seen.rollouts[i].source()].clone(), records[reference].clone());
        // The benchmark's special cases go by the chart's name; a task has none.
        let scores = score(&pred, &gt, "", Rules::Fixed);
        compared[i] = Some(Compared { scores, visual: Some(visual), pred, gt });
    }
    Ok(compared)
}

/// The visual score of pictures beside their references: structural similarity, with weights of CLIP its mean
/// with CLIP's cosine. The one sees places and proportions, the other what is shown.
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
    use crate::stages::judge;
    use crate::testing::{StubRenderer, experience, recipe, write_policy};
    use candle_core::{Device, Tensor};
    use std::path::Path;
    use vsdpo_artifact::Axis;
    use vsdpo_policy::Policy;

    /// The stub draws scripts whose bytes add up to an even number, and records every line as a text.
    #[test]
    fn what_drew_is_compared_with_a_reference_that_drew() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join("model")).unwrap();
        write_policy(&folder.path().join("model"));
        let policy = Policy::load(&folder.path().join("model")).unwrap();
        let mut seen = experience(&policy, &recipe(folder.path(), &[]));
        for (task, reference) in seen.tasks.iter_mut().zip([Some("aa"), Some("ab"), None]) {
            task.reference = reference.map(str::to_owned);
        }
        let with = Instruments { renderer: &StubRenderer, recorder: None, clip: None };
        assert!(compare(with, &seen).unwrap().iter().all(Option::is_none), "nobody asked");
        let compared = compare(Instruments { recorder: Some(&StubRenderer), ..with }, &seen).unwrap();
        for (i, compared) in compared.iter().enumerate() {
            let both = i < 3 && seen.outcomes[i].rendered().is_some();
            assert_eq!(compared.is_some(), both, "rollout {i}");
        }
        let i = compared.iter().position(Option::is_some).expect("one of three drew");
        let diagnosis = &judge(&seen.tasks, &seen.outcomes, &compared)[i];
        let scores: Vec<(Axis, Option<f32>)> =
            diagnosis.rubric.axes.iter().map(|(a, v)| (*a, v.score)).collect();
        // Its text is not the reference's line; everything else that is recorded is empty on both sides.
        let tail: Vec<Option<f32>> = scores[scores.len() - 5..].iter().map(|s| s.1).collect();
        assert_eq!(tail[..4], [Some(0.0), Some(1.0), Some(1.0), Some(1.0)]);
        assert!(diagnosis.reward > seen.diagnoses[i].reward);
    }
    /// A CLIP of one block and of numbers without meaning.
    fn write_clip(folder: &Path) {
        let (h, inner, side) = (4, 6, 8);
        let config = serde_json::json!({
            "hidden_size": h, "intermediate_size": inner, "num_hidden_layers": 1, "num_attention_heads": 2,
            "image_size": 2 * side, "patch_size": side, "projection_dim": 3,
        });
        std::fs::write(folder.join("config.json"), config.to_string()).unwrap();
        let mut tensors: HashMap<String, Tensor> = HashMap::new();
        let mut put = |name: &str, shape: &[usize]| {
            let start = tensors.len() as f32;
            let values = (0..shape.iter().product()).map(|i: usize| (start + 1.7 * i as f32).sin()).collect();
            tensors.insert(name.into(), Tensor::from_vec(values, shape, &Device::Cpu).unwrap());
        };
        put("visual_projection.weight", &[3, h]);
        put("vision_model.embeddings.class_embedding", &[h]);
        put("vision_model.embeddings.patch_embedding.weight", &[h, 3, side, side]);
        put("vision_model.embeddings.position_embedding.weight", &[5, h]);
        let block = "encoder.layers.0";
        let mut both = |name: &str, shape: &[usize]| {
            put(&format!("vision_model.{name}.weight"), shape);
            put(&format!("vision_model.{name}.bias"), &shape[..1]);
        };
        for norm in ["pre_layrnorm", "post_layernorm"] {
            both(norm, &[h]);
        }
        for norm in ["layer_norm1", "layer_norm2"] {
            both(&format!("{block}.{norm}"), &[h]);
        }
        for part in ["q_proj", "k_proj", "v_proj", "out_proj"] {
            both(&format!("{block}.self_attn.{part}"), &[h, h]);
        }
        both(&format!("{block}.mlp.fc1"), &[inner, h]);
        both(&format!("{block}.mlp.fc2"), &[h, inner]);
        candle_core::safetensors::save(&tensors, folder.join("model.safetensors")).unwrap();
    }

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
