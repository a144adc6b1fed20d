"""The models of the zoo: from each family one of the smallest, on images as small as it takes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Case:
    """One model.

    Attributes:
        library: "torchvision" or "timm".
        name: the model's name there.
        size: shape of the input.
        options: further arguments of its constructor.
        lacks: what lucid lacks for it: part of the error that it ends with.
    """

    library: str
    name: str
    size: tuple[int, ...] = (2, 3, 64, 64)
    options: dict[str, Any] = field(default_factory=dict)
    lacks: str = ""


def torchvision(name: str, side: int = 64, **options: Any) -> Case:
    return Case("torchvision", name, (2, 3, side, side), options)


def timm(name: str, side: int = 64, lacks: str = "", **options: Any) -> Case:
    return Case("timm", name, (2, 3, side, side), options, lacks)


TORCHVISION = [
    torchvision("alexnet"),
    torchvision("convnext_tiny"),
    torchvision("densenet121"),
    torchvision("efficientnet_b0"),
    torchvision("efficientnet_v2_s"),
    torchvision("googlenet", aux_logits=True, init_weights=False),
    torchvision("inception_v3", 299, aux_logits=True, init_weights=False),
    torchvision("maxvit_t", 224),
    torchvision("mnasnet0_5"),
    torchvision("mobilenet_v2"),
    torchvision("mobilenet_v3_large"),
    torchvision("mobilenet_v3_small"),
    torchvision("regnet_x_400mf"),
    torchvision("regnet_y_400mf"),
    torchvision("resnet18"),
    torchvision("resnet50"),
    torchvision("resnext50_32x4d"),
    torchvision("shufflenet_v2_x0_5"),
    torchvision("squeezenet1_0"),
    torchvision("squeezenet1_1"),
    torchvision("swin_t"),
    torchvision("swin_v2_t"),
    torchvision("vgg11"),
    torchvision("vgg11_bn"),
    torchvision("vit_b_32", image_size=64),
    torchvision("wide_resnet50_2"),
]

TIMM = [
    timm("beit_base_patch16_224", img_size=64, depth=2, embed_dim=96, num_heads=3),
    timm("beitv2_base_patch16_224", img_size=64, depth=2, embed_dim=96, num_heads=3),
    timm("botnet26t_256", 256),
    timm("cait_xxs24_224", img_size=64, depth=3),
    timm("coat_lite_tiny", img_size=64),
    timm("coatnet_pico_rw_224", 224),
    timm("convit_tiny", img_size=64, depth=3, local_up_to_layer=2),
    timm("convmixer_768_32"),
    timm("convnext_atto"),
    timm("convnextv2_atto"),
    timm("cpubone_nano"),
    timm("crossvit_tiny_240", 240),
    timm("csatv2", 256),
    timm("cs3darknet_s"),
    timm("cspnext_tiny"),
    timm("davit_tiny"),
    timm("deepseek_vit_412m", 112, depth=2, embed_dim=96, num_heads=3),
    timm("deit_tiny_distilled_patch16_224", img_size=64, depth=3),
    timm("densenet121"),
    timm("dla34"),
    timm("dm_nfnet_f0", 96),
    timm("dpn48b"),
    timm("eca_halonext26ts", 256),
    timm("edgenext_xx_small"),
    timm("efficientformer_l1", 224),
    timm("efficientformerv2_s0", 224),
    timm("efficientnet_lite0"),
    timm("efficientnetv2_rw_t"),
    timm("efficientvim_m1", 224),
    timm("efficientvit_b0"),
    timm("efficientvit_m0", 224),
    timm("ese_vovnet19b_slim_dw"),
    timm("eva02_tiny_patch14_224", 56, img_size=56, depth=2),
    timm("fasternet_t0"),
    timm("fastvit_t8"),
    timm("focalnet_tiny_srf"),
    timm("gcvit_xxtiny", 224),
    timm("gemma4_vit_167m", 96, depth=2, embed_dim=96, num_heads=3),
    timm("gernet_s"),
    timm("ghostnet_050"),
    timm("ghostnetv3_050"),
    timm("gmlp_ti16_224", 224),
    timm("haloregnetz_b", 224),
    timm("hardcorenas_a"),
    timm("hgnetv2_b0"),
    timm("hiera_tiny_224", 224),
    timm("hieradet_small", 256),
    timm("hrnet_w18_small"),
    timm("iformer_t", 224),
    timm("inception_next_atto"),
    timm("inception_resnet_v2", 128),
    timm("inception_v3", 128),
    timm("inception_v4", 128),
    timm("lambda_resnet26t", 128),
    timm("lcnet_035"),
    timm("lcnetv2_small"),
    timm("legacy_seresnet18"),
    timm("legacy_xception", 96),
    timm("levit_128s", 224),
    timm("lowformer_b0"),
    timm("mambaout_femto"),
    timm("maxvit_pico_rw_256", 256),
    timm("mixer_s16_224", 224),
    timm("mnasnet_small"),
    timm("mobilenetv2_035"),
    timm("mobilenetv3_small_050"),
    timm("mobilenetv4_conv_small_035"),
    timm("mobilenetv4_hybrid_medium", 96),
    timm("mobilenetv5_base", 128),
    timm("mobileone_s1"),
    timm("mobilevit_xxs"),
    timm("mobilevitv2_050"),
    timm("mvitv2_tiny", 224),
    timm("naflexvit_base_patch16_siglip", depth=2, embed_dim=96, num_heads=3),
    timm("nasnetalarge", 96),
    timm("nest_tiny", 224),
    timm("nextvit_small"),
    timm("nf_regnet_b0"),
    timm("nf_resnet26"),
    timm("pit_ti_224", 224),
    timm("pnasnet5large", 96),
    timm("poolformer_s12"),
    timm("poolformerv2_s12"),
    timm("pvt_v2_b0"),
    timm("qwen3_vit_88m", 96, depth=2, embed_dim=96, num_heads=3),
    timm("rdnet_tiny"),
    timm("regnetx_002"),
    timm("regnety_002"),
    timm("regnetz_b16"),
    timm("repghostnet_050"),
    timm("repvgg_a0"),
    timm("repvit_m1_0"),
    timm("res2net50_26w_4s"),
    timm("resmlp_12_224", 224),
    timm("resnest26d"),
    timm("resnet10t"),
    timm("resnetv2_18"),
    timm("rexnet_100"),
    timm("samvit_base_patch16", img_size=64, depth=2, embed_dim=96, num_heads=3, global_attn_indexes=(1,)),
    timm("selecsls42"),
    timm("semnasnet_050"),
    timm("sequencer2d_s", img_size=56),
    timm("seresnet18"),
    timm("shvit_s1", 224),
    timm("skresnet18"),
    timm("spnasnet_100"),
    timm("starnet_s050"),
    timm("swiftformer_xs", 224),
    timm("swin_tiny_patch4_window7_224", 112, img_size=112),
    timm("swinv2_cr_tiny_224", 112, img_size=112),
    timm("swinv2_tiny_window8_256", 128, img_size=128),
    timm("tiny_vit_5m_224"),
    timm("tinynet_e"),
    timm("tnt_s_patch16_224", img_size=64, depth=2),
    timm("tresnet_m"),
    timm("twins_pcpvt_small"),
    timm("twins_svt_small"),
    timm("vgg11_bn"),
    timm("visformer_tiny", 64, img_size=64),
    timm("vit_tiny_patch16_224", img_size=64, depth=3),
    timm("vit_relpos_small_patch16_224", img_size=64, depth=2),
    timm("vit_tiny_r_s16_p8_224", img_size=64, depth=2),
    timm("vitamin_small_224", 64, img_size=64),
    timm("volo_d1_224", 64, img_size=64),
    timm("xception41", 96),
    timm("xcit_nano_12_p16_224", img_size=64, depth=2),
]

FAST = [
    torchvision("resnet18"),
    torchvision("mobilenet_v3_small"),
    torchvision("swin_t"),
    torchvision("shufflenet_v2_x0_5"),
    timm("vit_tiny_patch16_224", img_size=64, depth=3),
    timm("convnext_atto"),
    timm("efficientnet_lite0"),
    timm("edgenext_xx_small"),
    timm("mambaout_femto"),
    timm("nf_resnet26"),
]
