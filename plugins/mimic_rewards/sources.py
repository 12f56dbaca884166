"""Where the terms come from."""

PAPER = "Leonardis et al. 2025 (arXiv 2511.21848), section 2.6 and Table 2"
MIMIC_MJX = "Zhang et al. 2025, MIMIC-MJX (arXiv 2511.20532); named in Table 2 of Leonardis et al. 2025"
AL_BORNO = "Al Borno lab, MouseArmImitationLearning (github.com/Al-Borno-Lab/MouseArmImitationLearning)"
