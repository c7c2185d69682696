"""The selective-scan operator of Mamba: what it computes, on which implementation, and the stand-in for mamba_ssm."""
