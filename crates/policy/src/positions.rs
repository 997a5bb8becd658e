//! M-RoPE: every token has a position in time, height and width.
//!
//! Text moves all three together. An image keeps time still and spreads its merged patches over
//! height and width from where the text stood; the text after it goes on from the larger side.
//! Positions are made from *one* sequence's own grids: the teacher sees one image more than the
//! student, so the same completion stands elsewhere in it.

use crate::PolicyError;

/// Positions `[t, h, w]` of every token, and the position of the token after the last.
///
/// `grids` are the images' `[t, h, w]` in patches, in order of appearance; `merge` is the side of
/// the square of patches behind one token.
///
/// # Errors
/// A run of image tokens that is not as long as its grid says, or more or fewer images than grids.
pub fn mrope(
    ids: &[u32],
    image_token: u32,
    grids: &[[usize; 3]],
    merge: usize,
) -> Result<(Vec<[u32; 3]>, u32), PolicyError> {
    let wrong = |message: String| Err(PolicyError::input("prompt", message));
    let mut positions = Vec::with_capacity(ids.len());
    let mut grids_left = grids.iter();
    let (mut at, mut next) = (0, 0u32);
    while at < ids.len() {
        if ids[at] != image_token {
            positions.push([next; 3]);
            (at, next) = (at + 1, next + 1);
            continue;
        }
        let Some(&[t, h, w]) = grids_left.next() else {
            return wrong(format!("image tokens at {at}, but only {} images were given", grids.len()));
        };
        let (rows, columns) = (h / merge, w / merge);
        let count = t * rows * columns;
        let run = ids[at..].iter().take(count).take_while(|&&id| id == image_token).count();
        if run < count || count == 0 {
            return wrong(format!("{run} image tokens at {at}; the grid {t}x{h}x{w} needs {count}"));
        }
        for i in 0..count {
            let (frame, cell) = (i / (rows * columns), i % (rows * columns));
            positions.push([frame, cell / columns, cell % columns].map(|offset| next + offset as u32));
        }
        (at, next) = (at + count, next + rows.max(columns) as u32);
    }
    if grids_left.len() > 0 {
        return wrong(format!("{} images have no image tokens", grids_left.len()));
    }
    Ok((positions, next))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_image_spreads_and_the_text_goes_on_from_its_larger_side() {
        // One text token, an image of 4x6 patches = 2x3 tokens, one text token.
        let ids = [1, 9, 9, 9, 9, 9, 9, 2];
        let (positions, next) = mrope(&ids, 9, &[[1, 4, 6]], 2).unwrap();
        let want = [[0, 0, 0], [1, 1, 1], [1, 1, 2], [1, 1, 3], [1, 2, 1], [1, 2, 2], [1, 2, 3], [4, 4, 4]];
        assert_eq!(positions, want);
        assert_eq!(next, 5);
    }

    #[test]
    fn images_and_grids_must_agree() {
        let message = |ids: &[u32], grids: &[[usize; 3]]| mrope(ids, 9, grids, 2).unwrap_err().to_string();
        assert_eq!(message(&[9, 1], &[[1, 4, 2]]), "prompt: 1 image tokens at 0; the grid 1x4x2 needs 2");
        assert_eq!(message(&[9], &[]), "prompt: image tokens at 0, but only 0 images were given");
        assert_eq!(message(&[1], &[[1, 2, 2]]), "prompt: 1 images have no image tokens");
    }
}
