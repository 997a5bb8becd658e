//! Charts compared with the references of their tasks: ChartMimic's metrics under the `fixed`
//! rules, and a visual score.

use super::{Rules, score, script, visual};
use crate::references::{Candidate, Embed, ScoreError, clip_similarity, vectors};
use std::collections::{HashMap, HashSet};
use std::ptr::from_ref;
use vsdpo_artifact::{ChartComparison, ChartRecords, Comparison, Image, Outcome, Source};
use vsdpo_render::{ChartRecorder, Recordable, RenderError, Renderer};

/// The records of scripts, in order; a script that fails leaves empty ones.
pub(crate) type Record<'a> = dyn Fn(&[&str]) -> Result<Vec<ChartRecords>, RenderError> + 'a;

/// Records scripts under the `fixed` rules.
pub(crate) fn record(recorder: &ChartRecorder, scripts: &[&str]) -> Result<Vec<ChartRecords>, RenderError> {
    let job = |source: &&str| Recordable {
        script: (*source).to_owned(),
        fixed: true,
        target: script::TARGET.into(),
        ..Recordable::default()
    };
    recorder.record_all(&scripts.iter().map(job).collect::<Vec<_>>())
}

/// As [`crate::ReferenceScorer::compare`]: `None` where there is no reference or where one of the
/// two did not render.
pub(crate) fn compare(
    renderer: &dyn Renderer,
    record: &Record,
    embed: Option<&Embed>,
    candidates: &[Candidate],
) -> Result<Vec<Option<Comparison>>, ScoreError> {
    // The rollouts of a group share their reference.
    let mut known = HashSet::new();
    let references: Vec<Source> =
        candidates.iter().filter_map(|c| c.reference).filter(|r| known.insert(*r)).cloned().collect();
    let rendered = renderer.render_all(&references)?;
    let rendered: HashMap<&Source, &Outcome> = references.iter().zip(&rendered).collect();
    // The candidates that have both pictures.
    let picture = |outcome: &'_ Outcome| outcome.rendered().map(|r| r.pages[0].image.clone());
    let pairs: Vec<(usize, &Source, Image, Image)> = candidates
        .iter()
        .enumerate()
        .filter_map(|(i, c)| {
            let reference = c.reference?;
            Some((i, reference, picture(c.outcome)?, picture(rendered[reference])?))
        })
        .collect();
    // The recorder runs scripts without a folder, so that their text alone decides the records.
    let mut scripts: Vec<&str> = pairs
        .iter()
        .flat_map(|(i, gt, ..)| [candidates[*i].source.text.as_str(), gt.text.as_str()])
        .collect();
    scripts.sort_unstable();
    scripts.dedup();
    let records = record(&scripts)?;
    let records: HashMap<&str, &ChartRecords> = scripts.iter().copied().zip(&records).collect();
    let visuals = similarities(embed, &pairs.iter().map(|(_, _, a, b)| (a, b)).collect::<Vec<_>>())?;
    let mut all: Vec<Option<Comparison>> = vec![None; candidates.len()];
    for ((i, reference, ..), visual) in pairs.iter().zip(visuals) {
        let (pred, gt) =
            (records[candidates[*i].source.text.as_str()].clone(), records[reference.text.as_str()].clone());
        // The benchmark's special cases depend on the chart's name; a task has none.
        let scores = score(&pred, &gt, "", Rules::Fixed);
        let comparison = ChartComparison { scores, pred, gt, visual: Some(visual) };
        all[*i] = Some(Comparison::Chart(Box::new(comparison)));
    }
    Ok(all)
}

/// The visual score of pairs of pictures: structural similarity, with CLIP its mean with
/// CLIP's similarity. Structure measures places and proportions, CLIP the content.
fn similarities(embed: Option<&Embed>, pairs: &[(&Image, &Image)]) -> Result<Vec<f64>, ScoreError> {
    let structure = pairs.iter().map(|(a, b)| visual::similarity(a, b));
    let Some(embed) = embed else { return Ok(structure.collect()) };
    // Pictures of one render share their pixels.
    let key = |image: &Image| from_ref(&*image.rgba).cast::<u8>();
    let mut known = HashSet::new();
    let images: Vec<&Image> =
        pairs.iter().flat_map(|&(a, b)| [a, b]).filter(|image| known.insert(key(image))).collect();
    let vectors = vectors(embed, &images)?;
    let vectors: HashMap<_, _> = images.iter().map(|image| key(image)).zip(vectors).collect();
    let content = pairs.iter().map(|&(a, b)| clip_similarity(&vectors[&key(a)], &vectors[&key(b)]));
    Ok(structure.zip(content).map(|(s, c)| (s + c) / 2.0).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{BLUE, ByFolder, RED, embed, plain};
    use vsdpo_artifact::Language;

    #[test]
    fn clip_has_half_of_the_visual_score_where_it_is_given() {
        let (red, blue) = (plain(RED), plain(BLUE));
        let pairs = [(&red, &blue), (&red, &red)];
        let alone = similarities(None, &pairs).unwrap();
        let both = similarities(Some(&embed), &pairs).unwrap();
        assert!((both[0] - (alone[0] + 0.5) / 2.0).abs() < 1e-6, "{both:?} {alone:?}");
        assert!((both[0] - alone[0]).abs() > 0.01, "the two agree by chance: the test shows nothing");
        assert!((both[1] - 1.0).abs() < 1e-6);
    }

    /// The same script reads another file in each folder.
    #[test]
    fn equal_texts_in_two_folders_are_two_references() {
        let script = |folder: &str| Source {
            folder: Some(folder.into()),
            ..Source::new("plt.imshow(plt.imread('a.png'))", Language::Python)
        };
        let (red, blue) = (script("red"), script("blue"));
        let outcome = ByFolder.render(&red).unwrap();
        let candidates = [&red, &blue].map(|reference| Candidate {
            source: &red,
            outcome: &outcome,
            reference: Some(reference),
        });
        let record = |scripts: &[&str]| Ok(vec![ChartRecords::default(); scripts.len()]);
        let compared = compare(&ByFolder, &record, None, &candidates).unwrap();
        let visuals = compared.into_iter().map(|one| match one {
            Some(Comparison::Chart(comparison)) => comparison.visual.unwrap(),
            other => panic!("{other:?}"),
        });
        let visuals: Vec<f64> = visuals.collect();
        assert!(visuals[0] > 0.999 && visuals[1] < 0.9, "{visuals:?}");
    }
}
