with form as (
    {%- for form_code, columns in movement_columns().items() %}
        select
            '{{ form_code }}' as form_code,
            submission_id,
            sheet_name,
            row_number,
            sender_code,
            period_code,
            period_end_on,
            review_year,
            standard_code,
            commune_code,
            counted_code,
            array[
                {%- for column in columns %}
                    {{ column }}_count{{ ',' if not loop.last }}
                {%- endfor %}
            ] as figures
        from {{ ref('stg_' ~ form_code ~ '_movement') }}
        {{- '\n    union all' if not loop.last }}
    {%- endfor %}
),

list_of_sender as (
    select
        sender_code,
        period_code,
        min(standard_code) as standard_code
    from {{ ref('stg_submission') }}
    where dataset = 'household_review'
    group by sender_code, period_code
    having count(distinct standard_code) = 1
),

standard_of_year as (
    select
        years.review_year,
        min(standard.code) as standard_code
    from {{ ref('poverty_standard') }} as standard
    cross join
        lateral generate_series(standard.review_year_from, standard.review_year_to) as years (review_year)
    group by years.review_year
    having count(distinct standard.code) = 1
),

placed as (
    select
        form.form_code,
        form.submission_id,
        form.sheet_name,
        form.row_number,
        form.sender_code,
        form.period_code,
        form.review_year,
        -- a form that names no standard is one of the only list there is, else of the only standard of the year
        coalesce(
            nullif(form.standard_code, ''), list_of_sender.standard_code, standard_of_year.standard_code, ''
        ) as standard_code,
        place.admin_unit_key,
        place.commune_code,
        place.district_code,
        place.province_code,
        place.reporting_sender_code,
        form.counted_code,
        form.figures
    from form
    inner join {{ ref('int_place__resolved') }} as place
        on
            form.commune_code = place.named_commune_code
            and form.period_end_on = place.named_on
            and form.period_end_on = place.placed_on
    left join list_of_sender
        on
            form.sender_code = list_of_sender.sender_code
            and form.period_code = list_of_sender.period_code
    left join standard_of_year on form.review_year = standard_of_year.review_year
)

-- Of several rows for a commune and year, that of its own district counts, then the one received last.
select distinct on (form_code, commune_code, review_year, standard_code, counted_code) *
from placed
order by
    form_code,
    commune_code,
    review_year,
    standard_code,
    counted_code,
    case when sender_code = reporting_sender_code then 0 else 1 end,
    submission_id desc,
    row_number
