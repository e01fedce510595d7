"""How the page looks: colours, type and spacing, in light and dark, with no font fetched from anywhere."""

from __future__ import annotations

import gradio as gr
from gradio.themes import Base, Color, Size

# Lines of several runs on one chart; told apart by people with colour-blindness too (after Okabe and Ito).
SERIES_COLOURS = ("#0f8b8d", "#ec9a29", "#8a5fbf", "#d1495b", "#3d8bd4", "#7a9e32", "#b0679b", "#8d6e4f")

_TEAL = Color(
    name="teal",
    c50="#effaf9",
    c100="#d5f1ef",
    c200="#ace2df",
    c300="#77ccc9",
    c400="#3fb0ae",
    c500="#1a9a9b",
    c600="#0f7c7e",
    c700="#106466",
    c800="#124f52",
    c900="#124245",
    c950="#06282a",
)
_INK = Color(
    name="ink",
    c50="#f7f8f8",
    c100="#eef1f1",
    c200="#dfe4e5",
    c300="#c5cdcf",
    c400="#94a1a5",
    c500="#5a686d",
    c600="#4c5a5f",
    c700="#3a464a",
    c800="#232c2f",
    c900="#182023",
    c950="#0f1517",
)
_RADIUS = Size(name="radius", xxs="2px", xs="3px", sm="5px", md="8px", lg="10px", xl="14px", xxl="20px")


def series_colour(index: int) -> str:
    """Return the colour of the index-th run, on every chart and in every list."""
    return SERIES_COLOURS[index % len(SERIES_COLOURS)]


def theme() -> Base:
    """Calm surfaces, one accent, hairline borders instead of shadows."""
    fonts = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "Cantarell", "Noto Sans", "sans-serif")
    mono = ("ui-monospace", "SF Mono", "Cascadia Mono", "JetBrains Mono", "DejaVu Sans Mono", "monospace")
    base = Base(
        primary_hue=_TEAL,
        secondary_hue=_TEAL,
        neutral_hue=_INK,
        radius_size=_RADIUS,
        text_size=gr.themes.sizes.text_md,
        font=fonts,
        font_mono=mono,
    )
    return base.set(
        body_background_fill="*neutral_50",
        body_background_fill_dark="*neutral_950",
        background_fill_primary="white",
        background_fill_primary_dark="*neutral_900",
        background_fill_secondary="*neutral_50",
        background_fill_secondary_dark="*neutral_950",
        body_text_color="*neutral_800",
        body_text_color_dark="*neutral_100",
        body_text_color_subdued="*neutral_500",
        body_text_color_subdued_dark="*neutral_400",
        border_color_primary="*neutral_200",
        border_color_primary_dark="*neutral_800",
        block_background_fill="white",
        block_background_fill_dark="*neutral_900",
        block_border_width="0px",
        block_shadow="none",
        block_info_text_color="*neutral_500",
        block_info_text_color_dark="*neutral_400",
        block_info_text_size="12px",
        block_title_text_color="*neutral_800",
        block_title_text_color_dark="*neutral_100",
        block_title_text_weight="600",
        block_title_text_size="*text_sm",
        block_label_text_color="*neutral_600",
        block_label_text_color_dark="*neutral_300",
        block_padding="*spacing_md *spacing_lg",
        layout_gap="*spacing_xl",
        form_gap_width="0px",
        input_background_fill="*neutral_50",
        input_background_fill_dark="*neutral_950",
        input_border_color="*neutral_200",
        input_border_color_dark="*neutral_700",
        input_border_color_focus="*primary_500",
        input_border_color_focus_dark="*primary_500",
        input_border_width="1px",
        input_shadow="none",
        input_shadow_focus="0 0 0 3px color-mix(in srgb, *primary_500 22%, transparent)",
        input_padding="*spacing_sm *spacing_md",
        checkbox_border_color_dark="*neutral_500",
        checkbox_background_color_selected="*primary_600",
        checkbox_background_color_selected_dark="*primary_500",
        checkbox_border_color_selected="*primary_600",
        checkbox_border_color_selected_dark="*primary_500",
        slider_color="*primary_500",
        slider_color_dark="*primary_500",
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_600",
        button_primary_background_fill_hover_dark="*primary_700",
        button_primary_text_color="white",
        button_primary_border_color="*primary_600",
        button_primary_border_color_dark="*primary_600",
        button_secondary_background_fill="white",
        button_secondary_background_fill_hover="*neutral_100",
        button_secondary_background_fill_dark="*neutral_800",
        button_secondary_background_fill_hover_dark="*neutral_700",
        button_secondary_border_color="*neutral_300",
        button_secondary_border_color_dark="*neutral_700",
        button_border_width="1px",
        button_large_radius="*radius_md",
        button_small_radius="*radius_md",
        button_large_text_weight="600",
        button_cancel_background_fill="white",
        button_cancel_background_fill_dark="*neutral_800",
        button_cancel_text_color="#b3372f",
        button_cancel_text_color_dark="#f08a80",
        button_cancel_border_color="#e3b5b1",
        button_cancel_border_color_dark="#6d3833",
        color_accent="*primary_600",  # as text it has to stand out from white; in the dark: dashboard.css
        color_accent_soft="*primary_50",
        color_accent_soft_dark="*primary_950",
    )
