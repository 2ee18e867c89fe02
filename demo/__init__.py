"""`make demo`: the whole story of Linnet on a real cluster, with real models and real traffic."""
