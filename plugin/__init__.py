"""What Many Voices thinks, and the hands that carry it out."""
