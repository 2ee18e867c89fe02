"""How far off a share may be that was seen in a few: for those who look at counts. No verdict rests on it."""

from math import sqrt


def wilson(hits: float, of: float, z: float = 1.96) -> tuple[float, float]:
    """Wilson's interval for a proportion (Wilson 1927)."""
    p, d = hits / of, 1 + z * z / of
    half = z * sqrt(p * (1 - p) / of + z * z / (4 * of * of))
    middle = p + z * z / (2 * of)
    return (middle - half) / d if hits > 0 else 0.0, (middle + half) / d if hits < of else 1.0
