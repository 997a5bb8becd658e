//! Where shapes lie: frames, and the coordinates inside groups.

/// A frame on a slide, in EMU. The box is that before it is flipped and rotated about its centre.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Frame {
    /// Left edge.
    pub x: f64,
    /// Upper edge.
    pub y: f64,
    /// Width, not negative.
    pub width: f64,
    /// Height, not negative.
    pub height: f64,
    /// Degrees clockwise, in `[0, 360)`.
    pub rotation: f64,
    /// Whether it is mirrored left to right.
    pub flip_h: bool,
    /// Whether it is mirrored top to bottom.
    pub flip_v: bool,
}

impl Frame {
    /// The centre.
    pub fn center(self) -> (f64, f64) {
        (self.x + self.width / 2.0, self.y + self.height / 2.0)
    }

    /// The upright box around the rotated frame: left, top, right, bottom.
    pub fn bounds(self) -> [f64; 4] {
        let (cx, cy) = self.center();
        let (sin, cos) = turn(self.rotation);
        let half_x = (self.width * cos.abs() + self.height * sin.abs()) / 2.0;
        let half_y = (self.width * sin.abs() + self.height * cos.abs()) / 2.0;
        [cx - half_x, cy - half_y, cx + half_x, cy + half_y]
    }

    /// Whether its width runs more up and down than to the sides.
    fn lies_sideways(self) -> bool {
        let half_turn = self.rotation.rem_euclid(180.0);
        (45.0..135.0).contains(&half_turn)
    }
}

/// Sine and cosine of an angle in degrees, exact for quarter turns.
fn turn(degrees: f64) -> (f64, f64) {
    match degrees.rem_euclid(360.0) {
        0.0 => (0.0, 1.0),
        90.0 => (1.0, 0.0),
        180.0 => (0.0, -1.0),
        270.0 => (-1.0, 0.0),
        other => other.to_radians().sin_cos(),
    }
}

/// A group: its frame in the coordinates around it, and the box of its own coordinates that fills
/// this frame.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Space {
    pub frame: Frame,
    /// x, y, width, height.
    pub child: [f64; 4],
}

impl Space {
    /// A frame inside the group, in the coordinates around the group.
    ///
    /// A member that lies sideways has its width scaled with the group's height: the group is
    /// stretched as a picture of it would be.
    pub fn place(&self, member: Frame) -> Frame {
        let [left, top, width, height] = self.child;
        let scale = |outer: f64, inner: f64| if inner > 0.0 { outer / inner } else { 1.0 };
        let (sx, sy) = (scale(self.frame.width, width), scale(self.frame.height, height));
        let (mx, my) = member.center();
        let (gx, gy) = self.frame.center();
        let mut dx = self.frame.x + (mx - left) * sx - gx;
        let mut dy = self.frame.y + (my - top) * sy - gy;
        let (along, across) = if member.lies_sideways() { (sy, sx) } else { (sx, sy) };
        let mut placed = member;
        (placed.width, placed.height) = (member.width * along, member.height * across);
        if self.frame.flip_h {
            (dx, placed.rotation, placed.flip_h) = (-dx, -placed.rotation, !placed.flip_h);
        }
        if self.frame.flip_v {
            (dy, placed.rotation, placed.flip_v) = (-dy, -placed.rotation, !placed.flip_v);
        }
        let (sin, cos) = turn(self.frame.rotation);
        (dx, dy) = (dx * cos - dy * sin, dx * sin + dy * cos);
        placed.x = gx + dx - placed.width / 2.0;
        placed.y = gy + dy - placed.height / 2.0;
        placed.rotation = (placed.rotation + self.frame.rotation).rem_euclid(360.0);
        placed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(x: f64, y: f64, width: f64, height: f64) -> Frame {
        Frame { x, y, width, height, ..Frame::default() }
    }

    #[test]
    fn a_quarter_turn_swaps_the_sides_of_the_box_around() {
        let turned = Frame { rotation: 90.0, ..frame(100.0, 100.0, 40.0, 20.0) };
        assert_eq!(turned.bounds(), [110.0, 90.0, 130.0, 130.0]);
        let slanted = Frame { rotation: 45.0, ..frame(0.0, 0.0, 2.0, 2.0) };
        let reach = 2.0_f64.sqrt();
        for (got, want) in
            slanted.bounds().into_iter().zip([1.0 - reach, 1.0 - reach, 1.0 + reach, 1.0 + reach])
        {
            assert!((got - want).abs() < 1e-12);
        }
    }

    #[test]
    fn members_follow_offset_scale_flip_and_turn_of_their_group() {
        let group = Space { frame: frame(100.0, 200.0, 200.0, 100.0), child: [0.0, 0.0, 100.0, 100.0] };
        let member = frame(10.0, 20.0, 30.0, 40.0);
        assert_eq!(group.place(member), frame(120.0, 220.0, 60.0, 40.0));
        let sideways = Frame { rotation: 90.0, ..frame(10.0, 20.0, 40.0, 20.0) };
        // Seen upright it reaches from (20, 10) to (40, 50), in the group's frame from (140, 210)
        // to (180, 250).
        assert_eq!(group.place(sideways).bounds(), [140.0, 210.0, 180.0, 250.0]);
        let mirrored = Space { frame: Frame { flip_h: true, ..group.frame }, ..group };
        let placed = mirrored.place(member);
        assert_eq!((placed.x, placed.y, placed.flip_h), (220.0, 220.0, true));
        let turned = Space { frame: Frame { rotation: 90.0, ..group.frame }, ..group };
        // The member's centre lies 50 left of and 10 above the group's centre (200, 250); a quarter
        // turn clockwise puts it 10 right of and 50 above.
        assert_eq!(turned.place(member).center(), (210.0, 200.0));
        assert_eq!(turned.place(member).rotation, 90.0);
        let flat = Space { child: [0.0; 4], ..group };
        assert_eq!(flat.place(member), frame(110.0, 220.0, 30.0, 40.0));
    }
}
