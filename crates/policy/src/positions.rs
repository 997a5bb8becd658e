//! M-RoPE positions: every token has a position in time, height and width.
//!
//! A text token advances all three together. The merged patches of an image share the time of the
//! text before it and are numbered over height and width from there; the text after the image
//! continues from its longer side. Positions depend on the images of their *own* sequence: the
//! teacher's prompt has one image more than the student's, so the same completion has other
//! positions there.

use crate::PolicyError;

/// The positions of a prompt.
pub(crate) struct Positions {
    /// Positions `[t, h, w]` of every token.
    pub tokens: Vec<[u32; 3]>,
    /// The position, on all three axes, of the token after the last.
    pub next: u32,
}

/// Computes the positions of the tokens `ids`.
///
/// `image` is the image token, and the side of the square of patches that becomes one token; `None`
/// for a language model alone. `grids` are the images' `[t, h, w]` in patches, in order of
/// appearance.
///
/// # Errors
/// A run of image tokens whose length differs from its grid's, or more or fewer images than grids.
pub(crate) fn mrope(
    ids: &[u32],
    image: Option<(u32, usize)>,
    grids: &[[usize; 3]],
) -> Result<Positions, PolicyError> {
    let wrong = |message: String| Err(PolicyError::input("prompt", message));
    let mut positions = Vec::with_capacity(ids.len());
    let mut grids_left = grids.iter();
    let (mut at, mut next) = (0, 0u32);
    while at < ids.len() {
        let Some((image_token, merge)) = image.filter(|(token, _)| *token == ids[at]) else {
            positions.push([next; 3]);
            (at, next) = (at + 1, next + 1);
            continue;
        };
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
    Ok(Positions { tokens: positions, next })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_after_an_image_continues_from_its_longer_side() {
        // One text token, an image of 4x6 patches = 2x3 tokens, one text token.
        let ids = [1, 9, 9, 9, 9, 9, 9, 2];
        let positions = mrope(&ids, Some((9, 2)), &[[1, 4, 6]]).unwrap();
        let want = [[0, 0, 0], [1, 1, 1], [1, 1, 2], [1, 1, 3], [1, 2, 1], [1, 2, 2], [1, 2, 3], [4, 4, 4]];
        assert_eq!(positions.tokens, want);
        assert_eq!(positions.next, 5);
    }

    #[test]
    fn images_and_grids_must_agree() {
        let message =
            |ids: &[u32], grids: &[[usize; 3]]| mrope(ids, Some((9, 2)), grids).err().unwrap().to_string();
        assert_eq!(message(&[9, 1], &[[1, 4, 2]]), "prompt: 1 image tokens at 0; the grid 1x4x2 needs 2");
        assert_eq!(message(&[9], &[]), "prompt: image tokens at 0, but only 0 images were given");
        assert_eq!(message(&[1], &[[1, 2, 2]]), "prompt: 1 images have no image tokens");
    }
}
