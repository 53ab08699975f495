//! What is said of several figures: the one in the middle and the two at the ends.

/// Several figures in short.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Spread {
    /// The one in the middle; the mean of the two in the middle of an even number.
    pub median: f64,
    /// The lowest one.
    pub lowest: f64,
    /// The highest one.
    pub highest: f64,
}

impl Spread {
    /// Nothing when there are no figures.
    pub fn of(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut figures: Vec<f64> = figures.into_iter().collect();
        figures.sort_by(f64::total_cmp);
        let middle = figures.len() / 2;
        let (lowest, highest) = (*figures.first()?, *figures.last()?);
        let median = if figures.len().is_multiple_of(2) {
            f64::midpoint(figures[middle - 1], figures[middle])
        } else {
            figures[middle]
        };
        Some(Self {
            median,
            lowest,
            highest,
        })
    }
}

#[cfg(test)]
mod tests;
