"""Tiny transformers models as save_pretrained leaves them: config.json, preprocessor_config.json, model.safetensors."""

import copy

VIT = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
VIT |= {"image_size": 32, "patch_size": 8}
SIDE = {"size": {"height": 32, "width": 32}}
MODELS = {
    "vit": ("ViTConfig", VIT, "ViTForImageClassification"),
    "vit_in21k": ("ViTConfig", VIT, "ViTModel"),
    "swin": (
        "SwinConfig",
        {"embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2], "window_size": 2, "image_size": 32},
        "SwinForImageClassification",
    ),
    "convnext": (
        "ConvNextConfig",
        {"hidden_sizes": [8, 12], "depths": [1, 1], "num_stages": 2, "dtype": "float16"},
        "ConvNextForImageClassification",
    ),
    "resnet": (
        "ResNetConfig",
        {"embedding_size": 8, "hidden_sizes": [8, 12], "depths": [1, 1], "layer_type": "basic"},
        "ResNetForImageClassification",
    ),
    "dinov2": ("Dinov2Config", VIT, "Dinov2ForImageClassification"),
    "deit": ("DeiTConfig", VIT, "DeiTForImageClassificationWithTeacher"),
    "swiftformer": (
        "SwiftFormerConfig",
        {"image_size": 32, "depths": [1, 1, 1, 1], "embed_dims": [4, 4, 8, 8]},
        "SwiftFormerForImageClassification",
    ),
    "segformer": (
        "SegformerConfig",
        {
            "num_encoder_blocks": 2,
            "depths": [1, 1],
            "hidden_sizes": [8, 12],
            "num_attention_heads": [1, 2],
            "sr_ratios": [2, 1],
            "patch_sizes": [3, 3],
            "strides": [2, 2],
            "mlp_ratios": [2, 2],
        },
        "SegformerForImageClassification",
    ),
    "pp_lcnet": ("PPLCNetConfig", {"scale": 0.25}, "PPLCNetForImageClassification"),
    "clip_vision": ("CLIPVisionConfig", VIT, "CLIPVisionModel"),
    "dinov3": ("DINOv3ViTConfig", VIT, "DINOv3ViTModel"),
    "swin_backbone": (
        "SwinConfig",
        {"embed_dim": 8, "depths": [1, 1], "num_heads": [1, 2], "window_size": 2, "image_size": 32},
        "SwinBackbone",
    ),
    "convnext_backbone": (
        "ConvNextConfig",
        {"hidden_sizes": [8, 12], "depths": [1, 1], "num_stages": 2},
        "ConvNextBackbone",
    ),
    "resnet_backbone": (
        "ResNetConfig",
        {"embedding_size": 8, "hidden_sizes": [8, 12], "depths": [1, 1], "layer_type": "basic"},
        "ResNetBackbone",
    ),
    "dinov2_backbone": ("Dinov2Config", VIT, "Dinov2Backbone"),
}
WIDTHS = {
    "vit": 16,
    "vit_in21k": 16,
    "swin": 16,
    "convnext": 12,
    "resnet": 12,
    "dinov2": 32,  # the class token beside the patches' mean: what its own classifier takes
    "deit": 16,
    "swiftformer": 8,
    "segformer": 12,
    "pp_lcnet": 1280,
    "clip_vision": 16,
    "dinov3": 16,
    "swin_backbone": 16,
    "convnext_backbone": 12,
    "resnet_backbone": 12,
    "dinov2_backbone": 16,
}


def save_model(transformers, folder, name, *, licence=None):
    """Make the folder of one of `MODELS` with random weights and a 32 px processor; return it and the network."""
    import torch

    torch.manual_seed(0)
    config_class, values, model_class = MODELS[name]
    network = getattr(transformers, model_class)(getattr(transformers, config_class)(**copy.deepcopy(values)))
    network.float().eval().save_pretrained(folder)
    transformers.ViTImageProcessor(**SIDE, image_mean=[0.5, 0.4, 0.3], image_std=[0.2, 0.2, 0.1]).save_pretrained(
        folder
    )
    if licence:
        (folder / "README.md").write_text(f"---\nlicense: {licence}\n---\n# tiny\n")
    return network
