-- A select for each level, not a list of levels beside the row: so a filter on the place reaches the facts.
with source as (
    {%- for level in ['commune', 'district', 'province'] %}
        select
            *,
            '{{ level }}' as admin_unit_level,
            {{ level }}_code as admin_unit_code
        from {{ ref('rpt_indicator_row') }}
        where {{ level }}_code is not null
        {{- '\n        union all' if not loop.last }}
    {%- endfor %}
)

select
    source.indicator_code,
    source.period_code,
    source.standard_code,
    source.admin_unit_level,
    source.admin_unit_code,
    source.breakdown_kind_code,
    source.breakdown_code,
    source.numerator,
    source.denominator,
    source.commune_code,
    source.household_code,
    source.person_no,
    source.record_id,
    source.dataset,
    source.sender_code,
    source.submission_id,
    submission.file_name,
    source.sheet_name,
    source.row_number,
    -- a whole row, as a spreadsheet goes to it
    coalesce('''' || replace(nullif(source.sheet_name, ''), '''', '''''') || '''!', '')
    || source.row_number || ':' || source.row_number as row_address
from source
left join {{ ref('dim_submission') }} as submission on source.submission_id = submission.submission_id
where
    -- what a sum leaves out is not behind it; a figure of its own that is not known leads to the rows that make it so
    not exists (
        select 1
        from {{ ref('fct_indicator_left_out') }} as left_out
        where
            source.indicator_code = left_out.indicator_code
            and source.period_code = left_out.period_code
            and source.standard_code = left_out.standard_code
            and source.breakdown_code = left_out.breakdown_code
            and coalesce(source.commune_code, source.district_code, source.province_code) = left_out.admin_unit_code
            and case
                when source.commune_code is not null then 'commune'
                when source.district_code is not null then 'district'
                else 'province'
            end = left_out.admin_unit_level
            and (source.admin_unit_level <> 'commune' or left_out.reason_code = 'missing_report')
    )
