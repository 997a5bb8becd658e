//! Who is inside whom, answered in constant time.

use vsdpo_artifact::SlideElement;

/// The tree of a slide's elements, each numbered so that what is inside an element is a range.
pub(crate) struct Family {
    /// The element around each; `None` for roots.
    pub parents: Vec<Option<usize>>,
    /// The range that holds an element and what is inside it.
    ranges: Vec<[usize; 2]>,
}

impl Family {
    /// An element that names itself or a later one as its parent has none.
    pub(super) fn new(elements: &[SlideElement]) -> Self {
        let earlier = |(i, e): (usize, &SlideElement)| e.parent.map(|p| p as usize).filter(|p| *p < i);
        let parents: Vec<Option<usize>> = elements.iter().enumerate().map(earlier).collect();
        let mut sizes = vec![1; parents.len()];
        for (i, parent) in parents.iter().enumerate().rev() {
            if let Some(parent) = parent {
                sizes[*parent] += sizes[i];
            }
        }
        let (mut next_root, mut next) = (0, vec![0; parents.len()]);
        let mut ranges = Vec::with_capacity(parents.len());
        for (i, parent) in parents.iter().enumerate() {
            let place = parent.map_or(&mut next_root, |parent| &mut next[parent]);
            let start = *place;
            *place += sizes[i];
            next[i] = start + 1;
            ranges.push([start, start + sizes[i]]);
        }
        Self { parents, ranges }
    }

    /// Whether `inner` is `outer` or inside it.
    pub(super) fn holds(&self, outer: usize, inner: usize) -> bool {
        let ([from, to], [at, _]) = (self.ranges[outer], self.ranges[inner]);
        (from..to).contains(&at)
    }

    /// The element and those around it, from the inside out.
    pub(super) fn chain(&self, element: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(Some(element), |at| self.parents[*at])
    }

    /// The number of an element; those inside it follow.
    pub(super) fn number(&self, element: usize) -> usize {
        self.ranges[element][0]
    }

    /// The numbers of an element and of what is inside it.
    pub(super) fn range(&self, element: usize) -> std::ops::Range<usize> {
        let [from, to] = self.ranges[element];
        from..to
    }
}
