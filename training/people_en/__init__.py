"""The English model of people and reviews: its little world, its vocabularies, its training."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
FOLDER = Path(__file__).resolve().parent
