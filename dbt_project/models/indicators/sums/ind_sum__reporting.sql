{{ config(
    key=[
        'indicator_code', 'period_code', 'standard_code', 'breakdown_kind_code', 'breakdown_code', 'place_key',
    ]
) }}

{{ indicator_sums(ref('ind_row__reporting')) }}
