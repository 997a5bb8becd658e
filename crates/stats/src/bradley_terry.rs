//! Abilities from pairwise judgements (Bradley and Terry, 1952): i is preferred to j with
//! probability `1 / (1 + exp(a_j - a_i))`.

use crate::{Estimate, RESAMPLES};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Virtual wins that every player gets against every other one before fitting. Without them the
/// ability of a player that always wins is infinite; with them it is `ln(1 + 10 n)` after n wins.
pub const PRIOR: f64 = 0.1;

/// Rounds of fitting at most.
const ROUNDS: usize = 10_000;
/// Fitting ends when no log ability changes by more.
const TOLERANCE: f64 = 1e-10;

/// One judgement of two players.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Game {
    /// One of the players, by number.
    pub first: usize,
    /// The other one.
    pub second: usize,
    /// What the first one gets: 1 for a win, 0.5 for a tie, 0 for a loss.
    pub score: f64,
}

/// The log abilities that are most likely after `wins`, where `wins[i][j]` counts the wins of i
/// over j. The first player has 0. Fitted by the MM iteration of Hunter (2004); the maximum exists
/// if every player can be reached from every other one over wins, which virtual wins ensure.
pub fn abilities(wins: &[Vec<f64>]) -> Vec<f64> {
    let players = wins.len();
    let mut ability = vec![0f64; players];
    for _ in 0..ROUNDS {
        let update = |i: usize| {
            let others = (0..players).filter(|j| *j != i);
            let won: f64 = others.clone().map(|j| wins[i][j]).sum();
            // In units of the own ability, so that no exponential is large for both.
            let met = |j: usize| (wins[i][j] + wins[j][i]) / (1.0 + (ability[j] - ability[i]).exp());
            ability[i] + (won / others.map(met).sum::<f64>()).ln()
        };
        let mut next: Vec<f64> = (0..players).map(update).collect();
        let base = next.first().copied().unwrap_or_default();
        next.iter_mut().for_each(|a| *a -= base);
        let change = next.iter().zip(&ability).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        ability = next;
        if change.is_nan() || change <= TOLERANCE {
            break;
        }
    }
    ability
}

/// The log abilities of the players with percentile bootstrap intervals over items, each of which
/// has the games in which it was judged. Games are counted with [`PRIOR`]. Returns zeros without
/// items.
pub fn bradley_terry(items: &[Vec<Game>], players: usize, seed: u64) -> Vec<Estimate> {
    let fit = |sample: &mut dyn Iterator<Item = usize>| {
        let mut wins = vec![vec![PRIOR; players]; players];
        for game in sample.flat_map(|i| &items[i]) {
            wins[game.first][game.second] += game.score;
            wins[game.second][game.first] += 1.0 - game.score;
        }
        abilities(&wins)
    };
    let n = items.len();
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let mut draw = || fit(&mut (0..n).map(|_| rng.random_range(0..n)));
    let resampled: Vec<Vec<f64>> = (0..RESAMPLES).map(|_| draw()).collect();
    let of = |(i, mean)| Estimate::of(mean, resampled.iter().map(|r| r[i]).collect());
    fit(&mut (0..n)).into_iter().enumerate().map(of).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, want: f64) {
        assert!((got - want).abs() < 1e-8, "{got} is not {want}");
    }

    /// Of two players, the odds are the ratio of their wins.
    #[test]
    fn two_players_have_the_logarithm_of_their_ratio() {
        let found = abilities(&[vec![0.0, 3.0], vec![12.0, 0.0]]);
        assert_eq!(found[0], 0.0);
        close(found[1], (12f64 / 3.0).ln());
        close(abilities(&[vec![0.0, 2.5], vec![2.5, 0.0]])[1], 0.0);
    }

    /// Strengths 1, 2 and 4: of 15 games each, 5 to 10, 3 to 12, and 5 to 10 are exactly the
    /// expected wins, so these strengths solve the likelihood's equations.
    #[test]
    fn three_players_with_expected_wins_have_their_strengths() {
        let found = abilities(&[vec![0.0, 5.0, 3.0], vec![10.0, 0.0, 5.0], vec![12.0, 10.0, 0.0]]);
        close(found[1], 2f64.ln());
        close(found[2], 4f64.ln());
        // The third never met the first: only the games with the second tell.
        let chain = abilities(&[vec![0.0, 5.0, 0.0], vec![10.0, 0.0, 3.0], vec![0.0, 9.0, 0.0]]);
        close(chain[1], 2f64.ln());
        close(chain[2], 6f64.ln());
    }

    #[test]
    fn a_player_that_always_wins_has_a_finite_ability() {
        let items = vec![vec![Game { first: 1, second: 0, score: 1.0 }]; 20];
        let found = bradley_terry(&items, 2, 1);
        assert_eq!(found[0], Estimate { mean: 0.0, low: 0.0, high: 0.0 });
        close(found[1].mean, 201f64.ln());
        close(found[1].low, 201f64.ln());
    }

    /// The standard error of the log odds of 30 to 10 is sqrt(1/30 + 1/10) = 0.365.
    #[test]
    fn the_interval_is_that_of_the_log_odds() {
        let game = |i| vec![Game { first: 0, second: 1, score: f64::from(u8::from(i % 4 == 0)) }];
        let items: Vec<Vec<Game>> = (0..40).map(game).collect();
        let found = bradley_terry(&items, 2, 1)[1];
        close(found.mean, (30.1f64 / 10.1).ln());
        let half = 1.96 * (1f64 / 30.0 + 0.1).sqrt();
        assert!((found.high - found.low - 2.0 * half).abs() < 0.3, "{found:?}, {half}");
        assert_eq!(bradley_terry(&items, 2, 1)[1], found, "the same seed gives the same interval");
        let ties = vec![vec![Game { first: 0, second: 1, score: 0.5 }]; 9];
        close(bradley_terry(&ties, 2, 1)[1].mean, 0.0);
        assert_eq!(bradley_terry(&[], 3, 1), [Estimate { mean: 0.0, low: 0.0, high: 0.0 }; 3]);
    }
}
