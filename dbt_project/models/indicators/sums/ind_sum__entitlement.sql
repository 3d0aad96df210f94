{{ config(
    key=[
        'indicator_code', 'period_code', 'standard_code', 'breakdown_kind_code', 'breakdown_code', 'place_key',
    ],
    slice_by=['period_code'],
    touched_by={
        'fct_support': ['left(period_code, 4)'],
    }
) }}

{{ indicator_sums(ref('ind_row__entitlement')) }}
