{{ config(
    key=[
        'indicator_code', 'period_code', 'standard_code', 'breakdown_kind_code', 'breakdown_code', 'place_key',
    ],
    slice_by=['period_code', 'commune_code'],
    touched_by={
        'fct_household_review': ['period_code', 'commune_code'],
        'fct_household_member': ['period_code', 'commune_code'],
    }
) }}

{{ indicator_sums(ref('ind_row__member')) }}
